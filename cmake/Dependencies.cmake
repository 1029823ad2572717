# Libraries of the system, all found by pkg-config, and which module uses each.  Debian's package names stand in
# tools/setup/packages.txt.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson>=2.14)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium>=1.0.18)
pkg_check_modules(TOMLPLUSPLUS REQUIRED tomlplusplus>=3.3)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp>=2.5)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl>=7.88)
pkg_check_modules(MICROHTTPD REQUIRED IMPORTED_TARGET libmicrohttpd>=0.9.75)
pkg_check_modules(GNUTLS REQUIRED IMPORTED_TARGET gnutls>=3.7)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib>=1.2.11)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3>=3.40)
pkg_check_modules(EDIT REQUIRED IMPORTED_TARGET libedit>=3.1)

set(lh_libraries_base PkgConfig::JANSSON PkgConfig::SODIUM Threads::Threads m ${CMAKE_DL_LIBS})
set(lh_libraries_os PkgConfig::SECCOMP)
set(lh_libraries_net PkgConfig::CURL)
set(lh_libraries_index PkgConfig::SQLITE)
set(lh_libraries_gateway PkgConfig::MICROHTTPD PkgConfig::GNUTLS)
set(lh_libraries_cli PkgConfig::EDIT)

# toml++ is compiled into the one C++ file, so that nothing needs its shared library at run time.
set_source_files_properties(${CMAKE_SOURCE_DIR}/src/base/toml_shim.cpp PROPERTIES
    COMPILE_DEFINITIONS TOML_HEADER_ONLY=1)
