# Unit tests, test twins and fuzz targets, all found by their names.
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka>=1.1.5)

add_library(lh_test_flags INTERFACE)
target_link_libraries(lh_test_flags INTERFACE lh_flags)
target_include_directories(lh_test_flags INTERFACE ${CMAKE_SOURCE_DIR}/tests)
target_compile_definitions(lh_test_flags INTERFACE
    LH_TEST_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
    LH_TEST_BINARY="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/lakehouse")

# tests/twin: in-memory and faulty implementations of the seams, for any test.
file(GLOB twin_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/twin/*.c)
if(twin_sources)
    add_library(lh_twin STATIC ${twin_sources})
    target_link_libraries(lh_twin PRIVATE lh_test_flags lh_base)
else()
    add_library(lh_twin INTERFACE)
endif()

# A library that plays NVIDIA's driver, opened at run time by the tests of src/ai.
add_library(lh_fake_nvml MODULE ${CMAKE_SOURCE_DIR}/tests/twin/fake_nvml/fake_nvml.c)
set_target_properties(lh_fake_nvml PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
target_compile_definitions(lh_test_flags INTERFACE LH_FAKE_NVML="$<TARGET_FILE:lh_fake_nvml>")

# For a test that hangs, not for a slow one: under a sanitizer, on a busy machine, some take minutes.
set(test_timeout_s 300)
if(LH_SANITIZE)
    set(test_timeout_s 1200)
endif()

# tests/unit/<module>/test_<topic>.c is the program unit_<module>_<topic>, linked with that module and those below it.
foreach(module IN LISTS LH_MODULES)
    string(REPLACE "/" "_" name ${module})
    file(GLOB tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/${module}/test_*.c)
    foreach(test IN LISTS tests)
        get_filename_component(stem ${test} NAME_WE)
        string(REGEX REPLACE "^test_" "unit_${name}_" target ${stem})
        add_executable(${target} ${test})
        # lh_engine_worker, so that a test of any layer can play its own engine host (tests/unit/engine/worker/engine_fixture.h).
        target_link_libraries(${target} PRIVATE lh_test_flags lh_twin lh_${name} lh_engine_worker PkgConfig::CMOCKA)
        lh_link_executable(${target})
        lh_cover_workers(${target})
        set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
        add_dependencies(${target} lh_fake_nvml)
        if(TARGET lakehouse)
            add_dependencies(${target} lakehouse)
        endif()
        add_test(NAME ${target} COMMAND ${target})
        set_tests_properties(${target} PROPERTIES
            LABELS "unit;${name}" TIMEOUT ${test_timeout_s})
    endforeach()
endforeach()

# tests/fuzz/fuzz_<target>.c: libFuzzer with LH_FUZZ, otherwise a test that replays tests/fuzz/corpus/<target>/.
set(all_modules ${LH_MODULES})
list(TRANSFORM all_modules REPLACE "/" "_")
list(TRANSFORM all_modules PREPEND "lh_")
list(REVERSE all_modules)
file(GLOB fuzzers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_*.c)
foreach(fuzzer IN LISTS fuzzers)
    get_filename_component(target ${fuzzer} NAME_WE)
    string(REGEX REPLACE "^fuzz_" "" corpus ${target})
    if(LH_FUZZ)
        add_executable(${target} ${fuzzer})
        target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    else()
        add_executable(${target} ${fuzzer} ${CMAKE_SOURCE_DIR}/tests/fuzz/replay.c)
        add_test(NAME ${target} COMMAND ${target} ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${corpus})
        set_tests_properties(${target} PROPERTIES LABELS fuzz TIMEOUT ${test_timeout_s})
    endif()
    target_link_libraries(${target} PRIVATE lh_test_flags ${all_modules})
    lh_link_executable(${target})
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
endforeach()
