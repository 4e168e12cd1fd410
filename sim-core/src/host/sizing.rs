//! The defaults that a kernel computes from its memory when it boots.
//!
//! All of them follow from the pages that buffers could take at the moment TCP is initialised. That number depends on what
//! the kernel has taken for itself by then; [`free_buffer_pages`] adds it up as the kernels do, and was compared with
//! machines of 512 MiB to 16 GiB running the recorded kernels (`validation/memory`).

use crate::config::Sysctls;
use crate::linux::KernelProfile;

/// Bytes per page.
const PAGE: u64 = 4096;
/// Pages of a huge page (`pageblock_nr_pages`).
const HUGE: u64 = 512;
/// Bytes of memory per bucket of the table of established connections (`thash_entries`: scale 17).
const BYTES_PER_BUCKET: u64 = 128 << 10;
/// The most buckets that table gets.
const MAX_BUCKETS: u64 = 512 << 10;
/// What the firmware keeps, pages.
const FIRMWARE: u64 = 131;
/// From here on some memory lies above 4 GiB, as the devices of a PC have their addresses below: a third zone to keep
/// reserves in, and 64 MiB of bounce buffers.
const ABOVE_4G: u64 = 3 << 30;
/// The bounce buffers (`swiotlb`), pages.
const BOUNCE: u64 = (64 << 20) / PAGE;
/// The least memory with which huge pages are on by themselves, pages.
const HUGE_PAGES_FROM: u64 = (512 << 20) / PAGE;

/// What `tcp_init` and `tcp_init_mem` derive from the size of the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemoryDefaults {
    /// `net.ipv4.tcp_mem`, pages.
    pub tcp_mem: [u64; 3],
    /// `net.ipv4.tcp_rmem[2]`, bytes.
    pub rmem_max: u32,
    /// `net.ipv4.tcp_wmem[2]`, bytes.
    pub wmem_max: u32,
    /// `net.ipv4.tcp_max_orphans` and `net.ipv4.tcp_max_tw_buckets`: half the buckets of the table of connections.
    pub max_orphans: u32,
}

impl MemoryDefaults {
    /// From the pages that buffers could take at boot (`nr_free_buffer_pages`) and the machine's memory, bytes;
    /// `rmem_cap`: the kernel's own bound on `tcp_rmem[2]`, bytes.
    pub fn new(free_buffer_pages: u64, ram: u64, rmem_cap: u32) -> Self {
        let limit = (free_buffer_pages / 16).max(128);
        let low = limit / 4 * 3;
        let share = (free_buffer_pages << 5).min(u64::from(u32::MAX)) as u32;
        Self {
            tcp_mem: [low, limit, 2 * low],
            rmem_max: rmem_cap.min(share).max(131_072),
            wmem_max: (4 << 20).min(share).max(65_536),
            max_orphans: (buckets(ram) / 2) as u32,
        }
    }

    /// Of a machine with `ram` bytes that runs `kernel`.
    pub fn of_ram(kernel: &KernelProfile, ram: u64) -> Self {
        Self::new(free_buffer_pages(kernel, ram), ram, kernel.defaults.tcp_rmem_max)
    }

    /// Puts those of them that are sysctls of a host into `sysctl`.
    pub fn apply(&self, sysctl: &mut Sysctls) {
        sysctl.tcp_rmem[2] = self.rmem_max;
        sysctl.tcp_wmem[2] = self.wmem_max;
        sysctl.tcp_max_orphans = self.max_orphans;
        sysctl.tcp_max_tw_buckets = self.max_orphans;
    }
}

/// Buckets of the table of established connections (`alloc_large_system_hash`).
fn buckets(ram: u64) -> u64 {
    let pages = ram / PAGE - (ram / PAGE / 64).min(ram / PAGE);
    (pages * PAGE / BYTES_PER_BUCKET).clamp(1, MAX_BUCKETS).next_power_of_two().min(MAX_BUCKETS)
}

/// Pages that buffers can take when TCP initialises (`nr_free_buffer_pages`) on a machine with `ram` bytes: without the
/// descriptions of the pages, the first tables, the kernel itself, and what the zones keep back.
pub fn free_buffer_pages(kernel: &KernelProfile, ram: u64) -> u64 {
    let pages = ram / PAGE;
    let present = pages.saturating_sub(FIRMWARE);
    let descriptions = present / 64;
    let kernel_pages = present - descriptions;
    // The tables of directory entries (a bucket of 8 bytes for each 8 KiB) and of inodes (half as many).
    let entries = (kernel_pages / 2).max(1).next_power_of_two();
    let tables = (entries + entries / 2) * 8 / PAGE;
    let high = ram > ABOVE_4G;
    let bounce = if high { BOUNCE } else { 0 };
    let managed = kernel_pages.saturating_sub(tables + bounce + kernel.defaults.boot_pages);
    managed.saturating_sub(kept_back(managed, if high { 3 } else { 2 }))
}

/// What the zones keep back up to their high marks (`__setup_per_zone_wmarks`), pages.
fn kept_back(managed: u64, zones: u64) -> u64 {
    // In kilobytes, the square root of 16 times the memory (`calculate_min_free_kbytes`).
    let root = (managed * (PAGE / 1024) * 16).isqrt().clamp(128, 262_144) / (PAGE / 1024);
    // Room for huge pages of every kind (`set_recommended_min_free_kbytes`).
    let huge = if managed >= HUGE_PAGES_FROM { (zones * 11 * HUGE).min(managed / 20) } else { 0 };
    let least = root.max(huge);
    least + 2 * (least / 4).max(managed / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::by_name;

    /// What machines with these kernels and this memory had set themselves.
    const MACHINES: &str = include_str!("../../../validation/memory/machines.csv");

    fn near(got: u64, want: u64) -> bool {
        got.abs_diff(want) * 500 <= want
    }

    #[test]
    fn the_defaults_are_within_a_fifth_of_a_percent_of_real_machines() {
        let lines: Vec<&str> = MACHINES.lines().skip(1).collect();
        assert!(lines.len() >= 19, "{}", lines.len());
        for line in lines {
            let (kernel, figures) = line.split_once(',').unwrap();
            let figures: Vec<u64> = figures.split(',').map(|n| n.parse().unwrap()).collect();
            let d = MemoryDefaults::of_ram(by_name(kernel).unwrap(), figures[0] << 20);
            let [low, pressure, high] = d.tcp_mem;
            let got = [low, pressure, high, d.rmem_max.into(), d.wmem_max.into()];
            let all_near = got.iter().zip(&figures[1..]).all(|(got, want)| near(*got, *want));
            assert!(all_near, "{line}: {d:?}");
            assert_eq!([u64::from(d.max_orphans); 2], figures[6..], "{line}");
        }
    }

    #[test]
    fn from_the_same_free_pages_the_arithmetic_is_exact() {
        // 6.18 with 2 GiB: 15495328 bytes are 484229 pages of 32 bytes each.
        let d = MemoryDefaults::new(484_229, 2 << 30, 32 << 20);
        assert_eq!((d.tcp_mem, d.rmem_max), ([22_698, 30_264, 45_396], 15_495_328));
        // 6.1 with 512 MiB.
        let d = MemoryDefaults::new(115_796, 512 << 20, 6 << 20);
        assert_eq!((d.tcp_mem, d.rmem_max, d.wmem_max), ([5_427, 7_237, 10_854], 3_705_472, 3_705_472));
        // Next to nothing is free.
        let d = MemoryDefaults::new(100, 64 << 20, 6 << 20);
        assert_eq!((d.tcp_mem, d.rmem_max, d.wmem_max), ([96, 128, 192], 131_072, 65_536));
    }

    #[test]
    fn more_memory_never_lowers_a_default() {
        for kernel in crate::linux::ALL {
            let mut last = MemoryDefaults::of_ram(kernel, 64 << 20);
            for step in 1..400_u64 {
                let d = MemoryDefaults::of_ram(kernel, (64 << 20) + step * (173 << 20));
                assert!(d.rmem_max >= last.rmem_max && d.max_orphans >= last.max_orphans, "{step}: {d:?}");
                // The third zone and the bounce buffers cost some 90 MiB at once.
                assert!(d.tcp_mem[1] + 1_600 >= last.tcp_mem[1], "{step}: {d:?}");
                last = d;
            }
        }
    }
}
