#include "ai/vram.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* What is used of nvml.h, as NVIDIA documents it ("NVML API Reference Guide"). */
typedef int nvml_return;
typedef void *nvml_device;
struct nvml_memory {
    unsigned long long total_bytes, free_bytes, used_bytes;
};

struct nvml {
    void *library;
    nvml_return (*init)(void);
    nvml_return (*shutdown)(void);
    nvml_return (*count)(unsigned *ret_count);
    nvml_return (*by_index)(unsigned index, nvml_device *ret_device);
    nvml_return (*name)(nvml_device device, char *ret_name, unsigned size);
    nvml_return (*memory)(nvml_device device, struct nvml_memory *ret_memory);
    const char *(*error)(nvml_return result);
};

/* A pointer to data cannot be cast to one to a function in ISO C; its bytes can be copied. */
static bool find(const struct nvml *nvml, const char *symbol, void *ret_function) {
    void *address = dlsym(nvml->library, symbol);
    memcpy(ret_function, &address, sizeof address);
    return address != NULL;
}

static bool find_all(struct nvml *nvml) {
    return find(nvml, "nvmlInit_v2", &nvml->init) && find(nvml, "nvmlShutdown", &nvml->shutdown) &&
           find(nvml, "nvmlDeviceGetCount_v2", &nvml->count) &&
           find(nvml, "nvmlDeviceGetHandleByIndex_v2", &nvml->by_index) &&
           find(nvml, "nvmlDeviceGetName", &nvml->name) && find(nvml, "nvmlDeviceGetMemoryInfo", &nvml->memory) &&
           find(nvml, "nvmlErrorString", &nvml->error);
}

static enum lh_code driver_failed(const struct nvml *nvml, nvml_return result, struct lh_err *err) {
    return lh_fail(err, LH_UNAVAILABLE, "NVIDIA's driver does not answer: %s", nvml->error(result));
}

static enum lh_code read_gpus(const struct nvml *nvml, struct vram_gpu *ret_gpus, size_t max, size_t *ret_count,
                              struct lh_err *err) {
    unsigned count = 0;
    nvml_return result = nvml->count(&count);
    if (result != 0)
        return driver_failed(nvml, result, err);
    size_t kept = 0;
    for (unsigned i = 0; i < count && kept < max; i++) {
        nvml_device device = NULL;
        struct nvml_memory memory = {0};
        struct vram_gpu gpu = {.name = "?"};
        result = nvml->by_index(i, &device);
        if (result == 0)
            result = nvml->memory(device, &memory);
        if (result != 0)
            return driver_failed(nvml, result, err);
        if (nvml->name(device, gpu.name, sizeof gpu.name) != 0)
            snprintf(gpu.name, sizeof gpu.name, "?");
        gpu.total_bytes = memory.total_bytes;
        gpu.used_bytes = memory.used_bytes;
        gpu.free_bytes = memory.free_bytes;
        ret_gpus[kept++] = gpu;
    }
    *ret_count = kept;
    return LH_OK;
}

enum lh_code vram_read(const char *library, struct vram_gpu *ret_gpus, size_t max, size_t *ret_count,
                       struct lh_err *err) {
    struct nvml nvml = {.library = dlopen(library ? library : "libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL)};
    if (!nvml.library)
        return lh_fail(err, LH_UNAVAILABLE, "there is no driver of NVIDIA GPUs on this machine (libnvidia-ml.so.1)");
    if (!find_all(&nvml)) {
        dlclose(nvml.library);
        return lh_fail(err, LH_UNAVAILABLE, "the driver of the NVIDIA GPUs is too old to tell of their memory");
    }
    nvml_return result = nvml.init();
    enum lh_code code =
        result == 0 ? read_gpus(&nvml, ret_gpus, max, ret_count, err) : driver_failed(&nvml, result, err);
    if (result == 0)
        nvml.shutdown();
    dlclose(nvml.library);
    return code;
}
