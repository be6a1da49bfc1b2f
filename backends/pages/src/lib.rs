//! Huge pages for large buffers.
//!
//! A disk is told of a buffer in ordinary pages piece by piece, 4 KiB at a time, which makes large direct reads a third
//! slower; and each such piece costs a page fault when it is touched first. Small allocations fare better with ordinary
//! pages: a heap that lies in huge ones takes four times the memory. So the allocator is built without them, and the few
//! owners of large buffers ask here.

/// Size and alignment of a huge page, bytes (x86-64, and arm64 with pages of 4 KiB).
pub const HUGE_PAGE: usize = 2 << 20;

/// Asks for huge pages where `memory` covers them whole; what has been touched already stays as it is.
///
/// It is advice (`madvise(2)`, `MADV_HUGEPAGE`): content and validity of the memory do not change, and where the kernel has
/// no huge pages, or may not use them, nothing happens.
pub fn prefer_huge<T>(memory: &mut [T]) {
    let range = memory.as_mut_ptr_range();
    let start = range.start.addr().next_multiple_of(HUGE_PAGE);
    let end = range.end.addr() / HUGE_PAGE * HUGE_PAGE;
    if start < end {
        advise(range.start.cast::<u8>().wrapping_add(start - range.start.addr()), end - start);
    }
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the call takes an address")]
fn advise(start: *mut u8, len: usize) {
    // SAFETY: the range lies within a slice that the caller of `prefer_huge` has borrowed mutably, so it is mapped and
    // nobody else's. Of all advice this one neither changes nor discards what the memory holds.
    let advised = unsafe { rustix::mm::madvise(start.cast(), len, rustix::mm::Advice::LinuxHugepage) };
    // A kernel without huge pages refuses, and then ordinary ones serve.
    let _either_way = advised;
}

#[cfg(not(target_os = "linux"))]
fn advise(_start: *mut u8, _len: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_keeps_what_it_holds() {
        for len in [0, 1, HUGE_PAGE - 1, HUGE_PAGE, 3 * HUGE_PAGE, 3 * HUGE_PAGE + 4097] {
            let mut memory = vec![7_u8; len];
            prefer_huge(&mut memory);
            assert!(memory.iter().all(|byte| *byte == 7));
            memory.fill(8);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_kernel_is_told_of_what_covers_huge_pages() {
        let mut memory = vec![0_u8; 4 * HUGE_PAGE];
        let inside = memory.as_ptr().addr() + 2 * HUGE_PAGE;
        prefer_huge(&mut memory);
        let maps = std::fs::read_to_string("/proc/self/smaps").expect("Linux has it");
        let mut flags = "";
        let mut found = false;
        for line in maps.lines() {
            if let Some((start, end)) = line.split(' ').next().and_then(|range| range.split_once('-')) {
                let [start, end] = [start, end].map(|at| usize::from_str_radix(at, 16).unwrap_or_default());
                found = (start..end).contains(&inside);
            } else if found && let Some(value) = line.strip_prefix("VmFlags:") {
                flags = value;
            }
        }
        // A kernel that was built without huge pages does not know the flag either.
        let known = std::path::Path::new("/sys/kernel/mm/transparent_hugepage").exists();
        assert_eq!(flags.split(' ').any(|flag| flag == "hg"), known, "flags: {flags}");
    }
}
