# bench/<name>.c is the program bench/bench_<name> of the build folder, linked with every module.  Not part of `all`:
# `ninja bench_<name>`, or `make bench` for the whole report.
file(GLOB benches CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bench/*.c)
set(bench_modules ${LH_MODULES})
list(TRANSFORM bench_modules REPLACE "/" "_")
list(TRANSFORM bench_modules PREPEND "lh_")
list(REVERSE bench_modules)
foreach(bench IN LISTS benches)
    get_filename_component(stem ${bench} NAME_WE)
    add_executable(bench_${stem} EXCLUDE_FROM_ALL ${bench})
    target_link_libraries(bench_${stem} PRIVATE ${bench_modules})
    lh_link_executable(bench_${stem})
    set_target_properties(bench_${stem} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
endforeach()
