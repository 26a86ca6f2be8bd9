//! The functions of the C library that the engine takes the place of, for the whole process.
//!
//! A thread that is not registered, and the engine itself, get what the kernel says.

mod allocation;
mod descriptors;
mod entropy;
mod files;
mod names;
mod processors;
mod real;
pub(super) mod threads;
mod time;
mod unwinding;
mod waits;

/// Keeps the linker from leaving any of them out, which it would do with what nobody calls by name.
pub(super) fn keep() {
    let all: [*const (); 31] = [
        threads::pthread_create as *const (),
        threads::pthread_join as *const (),
        threads::sched_yield as *const (),
        waits::syscall as *const (),
        time::clock_gettime as *const (),
        time::gettimeofday as *const (),
        time::time as *const (),
        time::nanosleep as *const (),
        time::clock_nanosleep as *const (),
        entropy::getrandom as *const (),
        entropy::getentropy as *const (),
        entropy::stat as *const (),
        processors::sched_getaffinity as *const (),
        descriptors::epoll_wait as *const (),
        descriptors::epoll_ctl as *const (),
        descriptors::poll as *const (),
        descriptors::send as *const (),
        files::write as *const (),
        files::writev as *const (),
        files::pwrite64 as *const (),
        files::fsync as *const (),
        files::fdatasync as *const (),
        files::ftruncate64 as *const (),
        files::fallocate64 as *const (),
        files::close as *const (),
        names::open as *const (),
        names::open64 as *const (),
        names::rename as *const (),
        names::unlink as *const (),
        names::statvfs64 as *const (),
        unwinding::dl_iterate_phdr as *const (),
    ];
    std::hint::black_box(all);
}
