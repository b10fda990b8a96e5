// SPDX-License-Identifier: MIT
// MicroPython's FatFs on an image file: lists every file with its content, then writes one, for test_fat32.py.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ff.h"
#include "diskio.h"

static FILE *image;

DRESULT disk_read(void *drv, BYTE *buffer, DWORD sector, UINT count) {
    (void)drv;
    memset(buffer, 0, 512 * (size_t)count);
    if (fseek(image, 512L * sector, SEEK_SET)) {
        return RES_ERROR;
    }
    return fread(buffer, 1, 512 * (size_t)count, image) || 1 ? RES_OK : RES_ERROR;
}

DRESULT disk_write(void *drv, const BYTE *buffer, DWORD sector, UINT count) {
    (void)drv;
    if (fseek(image, 512L * sector, SEEK_SET)) {
        return RES_ERROR;
    }
    return fwrite(buffer, 512, count, image) == count ? RES_OK : RES_ERROR;
}

DRESULT disk_ioctl(void *drv, BYTE command, void *buffer) {
    (void)drv;
    if (command == IOCTL_INIT || command == IOCTL_STATUS) {
        *(DSTATUS *)buffer = 0;
    } else if (command == GET_SECTOR_SIZE) {
        *(WORD *)buffer = 512;
    } else if (command == GET_SECTOR_COUNT) {
        *(DWORD *)buffer = 8u << 20;
    }
    return RES_OK;
}

DWORD get_fattime(void) {
    return (2024u - 1980) << 25 | 5u << 21 | 6u << 16;
}

static void check(FRESULT result, const char *what) {
    if (result != FR_OK) {
        fprintf(stderr, "%s: FatFs error %d\n", what, result);
        exit(1);
    }
}

static void list(FATFS *fs, const char *folder) {
    FF_DIR directory;
    FILINFO info;
    check(f_opendir(fs, &directory, folder), folder);
    while (f_readdir(&directory, &info) == FR_OK && info.fname[0]) {
        char path[1024];
        snprintf(path, sizeof(path), "%s%s%s", folder, folder[1] ? "/" : "", info.fname);
        if (info.fattrib & AM_DIR) {
            printf("D %s\n", path);
            list(fs, path);
            continue;
        }
        FIL file;
        check(f_open(fs, &file, path, FA_READ), path);
        unsigned long sum = 5381, size = 0;
        BYTE buffer[4096];
        UINT got;
        do {
            check(f_read(&file, buffer, sizeof(buffer), &got), path);
            for (UINT place = 0; place < got; place++) {
                sum = (sum * 33 + buffer[place]) & 0xFFFFFFFFul;
            }
            size += got;
        } while (got == sizeof(buffer));
        printf("F %s %lu %lu\n", path, size, sum);
        f_close(&file);
    }
    f_closedir(&directory);
}

int main(int count, char **arguments) {
    static FATFS fs;
    if (count < 2 || !(image = fopen(arguments[1], "r+b"))) {
        return 2;
    }
    check(f_mount(&fs), "mount");
    list(&fs, "/");
    DWORD clusters;
    check(f_getfree(&fs, &clusters), "getfree");
    printf("free %lu of %lu clusters of %u\n", (unsigned long)clusters, (unsigned long)fs.n_fatent - 2, fs.csize);
    if (count > 2) {
        FIL file;
        UINT written;
        check(f_mkdir(&fs, "/made here"), "mkdir");
        check(f_open(&fs, &file, "/made here/Long name of a file.txt", FA_WRITE | FA_CREATE_NEW), "create");
        for (int line = 0; line < 2000; line++) {
            check(f_write(&file, "0123456789abcde\n", 16, &written), "write");
        }
        check(f_close(&file), "close");
        check(f_unlink(&fs, arguments[2]), arguments[2]);
    }
    fclose(image);
    return 0;
}
