/* bench_vector_generate WORKLOAD FOLDER [ROWS]: writes WORKLOAD.base.f32 (100,000 rows, or ROWS) and WORKLOAD.query.f32
 * (1,000 held-out ones of the same stream), 768 dimensions, raw little-endian floats.
 *
 * Vectors that look like embeddings: a low-dimensional mixture of clusters, laid into 768 dimensions and blurred.
 *     z = centre of a cluster + noise of that cluster's width        in `latent` dimensions, the i-th scaled by (1+i)^-alpha
 *     x = unit(unit(A z) + blur * g / sqrt(d))                       A: a fixed Gaussian matrix, g: a fresh Gaussian
 * Clusters are drawn with Zipf weights (k+1)^-zipf, and their widths lie evenly between `narrow` and `wide`. */
#include "base/alloc.h"
#include "base/cleanup.h"
#include "vector/random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { D = 768, ROWS = 100000, QUERIES = 1000 };

static const struct workload {
    const char *name;
    unsigned latent, clusters;
    double zipf, centre, narrow, wide, alpha, blur;
    uint64_t seed;
} workloads[] = {
    {"A", 64, 500, 1.0, 1.0, 0.4, 0.8, 0.3, 0.05, 20240601},  /* clustered: 19 intrinsic dimensions */
    {"B", 256, 200, 0.6, 0.6, 0.8, 1.0, 0.3, 0.05, 20240602}, /* harder: 36 */
};

struct model {
    const struct workload *workload;
    struct vec_random random;
    float *matrix; /* latent x D */
    double *scale, *centres, *widths, *cumulative;
};

static double *doubles(size_t n) {
    return lh_calloc(n, sizeof(double));
}

static void model_init(struct model *model, const struct workload *w) {
    *model = (struct model){.workload = w,
                            .matrix = lh_calloc((size_t)w->latent * D, sizeof(float)),
                            .scale = doubles(w->latent),
                            .centres = doubles((size_t)w->clusters * w->latent),
                            .widths = doubles(w->clusters),
                            .cumulative = doubles(w->clusters)};
    vec_random_init(&model->random, w->seed);
    double sum = 0.0;
    for (unsigned i = 0; i < w->latent; i++)
        model->scale[i] = pow(1.0 + i, -w->alpha);
    for (size_t i = 0; i < (size_t)w->latent * D; i++)
        model->matrix[i] = (float)vec_random_gauss(&model->random);
    for (size_t i = 0; i < (size_t)w->clusters * w->latent; i++)
        model->centres[i] = w->centre * vec_random_gauss(&model->random);
    for (unsigned i = 0; i < w->clusters; i++)
        model->widths[i] = w->narrow + (w->wide - w->narrow) * vec_random_unit(&model->random);
    for (unsigned i = 0; i < w->clusters; i++)
        model->cumulative[i] = sum += pow(1.0 + i, -w->zipf);
}

static unsigned draw_cluster(struct model *model) {
    unsigned last = model->workload->clusters - 1;
    double at = vec_random_unit(&model->random) * model->cumulative[last];
    unsigned k = 0;
    while (k < last && model->cumulative[k] < at)
        k++;
    return k;
}

static double inverse_length(const float *x) {
    double sum = 0.0;
    for (unsigned i = 0; i < D; i++)
        sum += (double)x[i] * (double)x[i];
    return 1.0 / sqrt(sum);
}

static void draw(struct model *model, float ret_row[D]) {
    const struct workload *w = model->workload;
    unsigned k = draw_cluster(model);
    memset(ret_row, 0, D * sizeof *ret_row);
    for (unsigned l = 0; l < w->latent; l++) {
        double centre = model->centres[(size_t)k * w->latent + l];
        float z = (float)(model->scale[l] * (centre + model->widths[k] * vec_random_gauss(&model->random)));
        for (unsigned i = 0; i < D; i++)
            ret_row[i] += z * model->matrix[(size_t)l * D + i];
    }
    double scale = inverse_length(ret_row);
    double blur = w->blur / sqrt((double)D);
    for (unsigned i = 0; i < D; i++)
        ret_row[i] = (float)((double)ret_row[i] * scale + blur * vec_random_gauss(&model->random));
    scale = inverse_length(ret_row);
    for (unsigned i = 0; i < D; i++)
        ret_row[i] = (float)((double)ret_row[i] * scale);
}

static int write_rows(struct model *model, const char *folder, const char *part, unsigned n) {
    float row[D];
    LH_AUTO(mem) char *path = lh_asprintf("%s/%s.%s.f32", folder, model->workload->name, part);
    FILE *file = fopen(path, "wb");
    if (!file)
        return perror(path), 1;
    for (unsigned i = 0; i < n; i++) {
        draw(model, row);
        if (fwrite(row, sizeof row, 1, file) != 1)
            return perror(path), fclose(file), 1;
    }
    return fclose(file) ? (perror(path), 1) : 0;
}

int main(int argc, char **argv) {
    unsigned rows = argc == 4 ? (unsigned)strtoul(argv[3], NULL, 10) : ROWS;
    for (size_t i = 0; (argc == 3 || argc == 4) && rows && i < sizeof workloads / sizeof *workloads; i++) {
        struct model model;
        if (strcmp(argv[1], workloads[i].name) != 0)
            continue;
        model_init(&model, &workloads[i]);
        int status = write_rows(&model, argv[2], "base", rows) || write_rows(&model, argv[2], "query", QUERIES);
        lh_free(model.matrix);
        lh_free(model.scale);
        lh_free(model.centres);
        lh_free(model.widths);
        lh_free(model.cumulative);
        return status;
    }
    fprintf(stderr, "usage: bench_vector_generate A|B FOLDER [ROWS]\n");
    return 2;
}
