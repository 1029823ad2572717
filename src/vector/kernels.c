#include "vector/kernels_internal.h"

#if defined(__x86_64__)
/* Every processor with AVX2 has F16C, which clang's builtin does not know by
 * name. */
static int can_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static int can_avx512(void) {
    return can_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

static int can_vnni(void) {
    return can_avx512() && __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vpopcntdq") &&
           __builtin_cpu_supports("avx512vbmi");
}

const struct vec_kernels *vec_kernels_at(enum vec_level level) {
    switch (level) {
    case VEC_LEVEL_PORTABLE: return &vec_kernels_portable;
    case VEC_LEVEL_AVX2: return can_avx2() ? &vec_kernels_avx2 : NULL;
    case VEC_LEVEL_AVX512: return can_avx512() ? &vec_kernels_avx512 : NULL;
    case VEC_LEVEL_AVX512_VNNI: return can_vnni() ? &vec_kernels_avx512_vnni : NULL;
    case VEC_LEVEL_AVX512_BF16:
        return can_vnni() && __builtin_cpu_supports("avx512bf16") ? &vec_kernels_avx512_bf16 : NULL;
    case VEC_LEVEL_NEON:
    case VEC_LEVEL_COUNT: break;
    }
    return NULL;
}
#else
const struct vec_kernels *vec_kernels_at(enum vec_level level) {
#if defined(__aarch64__)
    if (level == VEC_LEVEL_NEON)
        return &vec_kernels_neon; /* every 64-bit Arm has it */
#endif
    return level == VEC_LEVEL_PORTABLE ? &vec_kernels_portable : NULL;
}
#endif

/* No state: the processor's features are bits that the runtime library read at
 * start, so asking again costs a few instructions, and callers keep the
 * pointer. */
const struct vec_kernels *vec_kernels(void) {
    for (int level = VEC_LEVEL_COUNT - 1; level > VEC_LEVEL_PORTABLE; level--) {
        const struct vec_kernels *table = vec_kernels_at((enum vec_level)level);
        if (table)
            return table;
    }
    return &vec_kernels_portable;
}
