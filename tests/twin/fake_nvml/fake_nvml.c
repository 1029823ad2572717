/* A library that answers as NVIDIA's driver would, for a machine with two GPUs of which the second may be sick
 * (FAKE_NVML=sick). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct memory {
    unsigned long long total, free, used;
};

int nvmlInit_v2(void);
int nvmlShutdown(void);
int nvmlDeviceGetCount_v2(unsigned *ret_count);
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **ret_device);
int nvmlDeviceGetName(void *device, char *ret_name, unsigned size);
int nvmlDeviceGetMemoryInfo(void *device, struct memory *ret_memory);
const char *nvmlErrorString(int result);

static char devices[2];

int nvmlInit_v2(void) {
    return 0;
}
int nvmlShutdown(void) {
    return 0;
}
int nvmlDeviceGetCount_v2(unsigned *ret_count) {
    *ret_count = 2;
    return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **ret_device) {
    *ret_device = &devices[index];
    return 0;
}
int nvmlDeviceGetName(void *device, char *ret_name, unsigned size) {
    snprintf(ret_name, size, "Fake GPU %d", (int)((char *)device - devices));
    return 0;
}
int nvmlDeviceGetMemoryInfo(void *device, struct memory *ret_memory) {
    const char *mood = getenv("FAKE_NVML");
    *ret_memory = (struct memory){.total = 1000, .free = 600, .used = 400};
    return device == &devices[1] && mood && strcmp(mood, "sick") == 0 ? 15 : 0;
}
const char *nvmlErrorString(int result) {
    return result == 15 ? "GPU is lost" : "?";
}
