// SPDX-License-Identifier: MIT
// Files that were opened to be read are not written, nor the other way round. littlefs leaves that to assertions, which
// are off in a release: then it writes all the same. The linker puts these before its functions, for callers outside.
#include "lib/littlefs/lfs2.h"

lfs2_ssize_t __real_lfs2_file_write(lfs2_t *lfs2, lfs2_file_t *file, const void *buffer, lfs2_size_t size);
lfs2_ssize_t __wrap_lfs2_file_write(lfs2_t *lfs2, lfs2_file_t *file, const void *buffer, lfs2_size_t size);
lfs2_ssize_t __real_lfs2_file_read(lfs2_t *lfs2, lfs2_file_t *file, void *buffer, lfs2_size_t size);
lfs2_ssize_t __wrap_lfs2_file_read(lfs2_t *lfs2, lfs2_file_t *file, void *buffer, lfs2_size_t size);

lfs2_ssize_t __wrap_lfs2_file_write(lfs2_t *lfs2, lfs2_file_t *file, const void *buffer, lfs2_size_t size) {
    return file->flags & LFS2_O_WRONLY ? __real_lfs2_file_write(lfs2, file, buffer, size) : LFS2_ERR_BADF;
}

lfs2_ssize_t __wrap_lfs2_file_read(lfs2_t *lfs2, lfs2_file_t *file, void *buffer, lfs2_size_t size) {
    return file->flags & LFS2_O_RDONLY ? __real_lfs2_file_read(lfs2, file, buffer, size) : LFS2_ERR_BADF;
}
