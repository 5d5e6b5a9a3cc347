/* The kernel's list of a process's pages: an ioctl of /proc/PID/pagemap, newer (Linux 6.7) than the headers of Debian 12.
   Documentation/admin-guide/mm/pagemap.rst has what the fields mean. */
#pragma once
#include <linux/fs.h>
#include <stdint.h>

#ifndef PAGEMAP_SCAN
struct page_region {
    uint64_t start, end, categories;
};

struct pm_scan_arg {
    uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
    uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

#define PAGEMAP_SCAN    _IOWR('f', 16, struct pm_scan_arg)
#define PAGE_IS_WPALLOWED (1 << 0)
#define PAGE_IS_WRITTEN   (1 << 1)
#define PAGE_IS_FILE      (1 << 2)
#define PAGE_IS_PRESENT   (1 << 3)
#define PAGE_IS_SWAPPED   (1 << 4)
#define PAGE_IS_PFNZERO   (1 << 5)
#endif
