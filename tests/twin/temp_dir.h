/* A fresh folder for one test, removed with all that is in it. */
#ifndef LH_TWIN_TEMP_DIR_H
#define LH_TWIN_TEMP_DIR_H

/* Below $TMPDIR, or /tmp.  Aborts where it cannot be made.  lh_malloc'd. */
char *temp_dir_new(void);
/* Removes the tree and frees `path`; NULL is fine. */
void temp_dir_free(char *path);

#endif
