# The installed layout, the same below any prefix; the program finds its library relative to itself.
#
#     bin/lakehouse
#     lib/lakehouse/libduckdb.so
#     share/lakehouse/lakehouse.toml       every key with its default
#     share/man/man1/lakehouse.1, shell completions, share/doc/lakehouse/
install(FILES ${DUCKDB_LIBRARY} DESTINATION lib/lakehouse RENAME libduckdb.so
    PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
install(FILES lakehouse.toml DESTINATION share/lakehouse OPTIONAL)
install(FILES docs/man/lakehouse.1 DESTINATION share/man/man1)
install(FILES share/completions/lakehouse.bash DESTINATION share/bash-completion/completions RENAME lakehouse)
install(FILES share/completions/lakehouse.zsh DESTINATION share/zsh/site-functions RENAME _lakehouse)
install(FILES share/completions/lakehouse.fish DESTINATION share/fish/vendor_completions.d)
install(FILES LICENSE CHANGELOG.md DESTINATION share/doc/lakehouse)
install(FILES README.md SECURITY.md DESTINATION share/doc/lakehouse OPTIONAL)
install(FILES ${duckdb_root}/LICENSE DESTINATION share/doc/lakehouse RENAME LICENSE.duckdb OPTIONAL)
