# The installed layout: bin/lakehouse, lib/lakehouse/libduckdb.so, share/.
install(FILES ${DUCKDB_LIBRARY} DESTINATION lib/lakehouse RENAME libduckdb.so
    PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
