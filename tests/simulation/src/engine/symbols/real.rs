//! The C library's own functions behind those that are interposed and are more than a system call.

use std::ffi::{CStr, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};

use libc::{c_int, pthread_attr_t, pthread_t};

pub(super) type Create = unsafe extern "C" fn(
    *mut pthread_t,
    *const pthread_attr_t,
    extern "C" fn(*mut c_void) -> *mut c_void,
    *mut c_void,
) -> c_int;
pub(super) type Join = unsafe extern "C" fn(pthread_t, *mut *mut c_void) -> c_int;
pub(super) type Space = unsafe extern "C" fn(*const libc::c_char, *mut libc::statvfs64) -> c_int;
pub(super) type Iterate = unsafe extern "C" fn(*mut c_void, *mut c_void) -> c_int;

/// A function that is looked up when it is called first.
struct Next {
    name: &'static CStr,
    found: AtomicPtr<c_void>,
}

impl Next {
    const fn new(name: &'static CStr) -> Self {
        Self { name, found: AtomicPtr::new(std::ptr::null_mut()) }
    }

    fn address(&self) -> *mut c_void {
        let found = self.found.load(Ordering::Relaxed);
        if !found.is_null() {
            return found;
        }
        // SAFETY: the name ends with a zero.
        let found = unsafe { libc::dlsym(libc::RTLD_NEXT, self.name.as_ptr()) };
        assert!(!found.is_null(), "the C library has {:?}", self.name);
        self.found.store(found, Ordering::Relaxed);
        found
    }
}

pub(super) fn pthread_create() -> Create {
    static NEXT: Next = Next::new(c"pthread_create");
    // SAFETY: the C library's function has this type.
    unsafe { std::mem::transmute::<*mut c_void, Create>(NEXT.address()) }
}

pub(super) fn pthread_join() -> Join {
    static NEXT: Next = Next::new(c"pthread_join");
    // SAFETY: the C library's function has this type.
    unsafe { std::mem::transmute::<*mut c_void, Join>(NEXT.address()) }
}

pub(super) fn dl_iterate_phdr() -> Iterate {
    static NEXT: Next = Next::new(c"dl_iterate_phdr");
    // SAFETY: the C library's function has this type.
    unsafe { std::mem::transmute::<*mut c_void, Iterate>(NEXT.address()) }
}

pub(super) fn statvfs64() -> Space {
    static NEXT: Next = Next::new(c"statvfs64");
    // SAFETY: the C library's function has this type.
    unsafe { std::mem::transmute::<*mut c_void, Space>(NEXT.address()) }
}
