# Compiler and linker flags.  gcc 12 and clang 14 both build the tree without a warning.
#
# NDEBUG is never defined: an assert that fails in storage or commit code must stop the process in release builds too.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)

set(CMAKE_C_FLAGS_RELEASE "-O2 -g1")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")
set(CMAKE_C_FLAGS_DEBUG "-O1 -g -fno-omit-frame-pointer")
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g -fno-omit-frame-pointer")

add_library(lh_flags INTERFACE)
target_include_directories(lh_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_definitions(lh_flags INTERFACE _GNU_SOURCE LH_VERSION="${PROJECT_VERSION}")
target_compile_options(lh_flags INTERFACE
    -Wall -Wextra -Werror -Wshadow -Wconversion -Wvla -Wwrite-strings -fno-common
    -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=
    $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes -Wstrict-prototypes -Wold-style-definition>
    # clang gives this one for libseccomp's own macros; the rest of an initializer being zero is C's rule.
    $<$<C_COMPILER_ID:Clang>:-Wno-missing-field-initializers>)
target_link_options(lh_flags INTERFACE -Wl,--as-needed)

if(LH_FAULTS)
    target_compile_definitions(lh_flags INTERFACE LH_FAULTS)
endif()

# Hardening.  The sanitizers replace what fortify and the stack protector do, and do not go with them.
if(LH_SANITIZE)
    # gcc's warnings that follow values through the code see the instrumentation too, and then cry wolf; the
    # uninstrumented builds keep them as errors.
    target_compile_options(lh_flags INTERFACE -fsanitize=${LH_SANITIZE} -fno-sanitize-recover=all
        $<$<C_COMPILER_ID:GNU>:-Wno-maybe-uninitialized -Wno-stringop-overflow -Wno-stringop-truncation
        -Wno-array-bounds -Wno-format-truncation -Wno-nonnull>)
    target_link_options(lh_flags INTERFACE -fsanitize=${LH_SANITIZE})
else()
    target_compile_options(lh_flags INTERFACE
        -fstack-protector-strong -fstack-clash-protection
        $<$<STREQUAL:${CMAKE_SYSTEM_PROCESSOR},x86_64>:-fcf-protection>
        $<$<CONFIG:Release>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3>)
endif()
target_link_options(lh_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)

if(LH_COVERAGE)
    target_compile_options(lh_flags INTERFACE --coverage -fprofile-update=atomic)
    target_link_options(lh_flags INTERFACE --coverage)
endif()

# In builds for gcov: have the engine's workers write their counts too.  For a program that links lh_engine_worker.
if(LH_COVERAGE)
    add_library(lh_coverage_workers OBJECT ${CMAKE_SOURCE_DIR}/cmake/coverage_workers.c)
    target_link_libraries(lh_coverage_workers PRIVATE lh_flags duckdb_header)
    target_compile_definitions(lh_coverage_workers PRIVATE LH_COVERAGE_DIR="${CMAKE_BINARY_DIR}/CMakeFiles")
endif()
function(lh_cover_workers target)
    if(LH_COVERAGE)
        target_sources(${target} PRIVATE $<TARGET_OBJECTS:lh_coverage_workers>)
        target_link_options(${target} PRIVATE
            -Wl,--wrap=_exit,--wrap=session_alive,--wrap=os_pidfd_signal,--wrap=sandbox_landlock_enter)
    endif()
endfunction()

include(CheckPIESupported)
check_pie_supported()
