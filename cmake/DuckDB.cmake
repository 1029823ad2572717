# DuckDB: only its header is needed to build; the library is opened at run time by the engine host.
#
# A system DuckDB wins: DUCKDB_ROOT (variable or environment; include/duckdb.h and lib/libduckdb.so below it), then
# pkg-config.  Otherwise tools/setup/duckdb.sh puts pinned, checksummed copies into build/deps/duckdb.
set(DUCKDB_ROOT "$ENV{DUCKDB_ROOT}" CACHE PATH "Folder with include/duckdb.h and lib/libduckdb.so")
pkg_check_modules(DUCKDB_SYSTEM QUIET duckdb>=1.4)

if(DUCKDB_ROOT)
    set(duckdb_root ${DUCKDB_ROOT})
elseif(DUCKDB_SYSTEM_FOUND)
    set(duckdb_root ${DUCKDB_SYSTEM_PREFIX})
else()
    set(duckdb_root ${CMAKE_SOURCE_DIR}/build/deps/duckdb)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tools/setup/duckdb.lock)
    execute_process(COMMAND ${CMAKE_SOURCE_DIR}/tools/setup/duckdb.sh ${duckdb_root} COMMAND_ERROR_IS_FATAL ANY)
endif()
find_path(DUCKDB_INCLUDE_DIR duckdb.h PATHS ${duckdb_root}/include NO_DEFAULT_PATH NO_CACHE REQUIRED)
find_library(DUCKDB_LIBRARY duckdb PATHS ${duckdb_root}/lib ${DUCKDB_SYSTEM_LIBDIR} NO_DEFAULT_PATH NO_CACHE REQUIRED)

# The header only, and only for engine/worker (its sources, and through it the tests of that folder).
add_library(duckdb_header INTERFACE)
target_include_directories(duckdb_header SYSTEM INTERFACE ${DUCKDB_INCLUDE_DIR})
set(lh_libraries_engine_worker duckdb_header PkgConfig::ZLIB)

# Beside the built binary as beside an installed one: build/<preset>/lib/lakehouse/libduckdb.so.
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/lib/lakehouse)
file(CREATE_LINK ${DUCKDB_LIBRARY} ${CMAKE_BINARY_DIR}/lib/lakehouse/libduckdb.so COPY_ON_ERROR SYMBOLIC)
