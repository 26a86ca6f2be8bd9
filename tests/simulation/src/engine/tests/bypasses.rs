//! What could go past the engine: clocks, random numbers, symbols that are looked up at run time, threads' ends.

use std::collections::HashMap;
use std::ffi::CStr;
use std::hash::{BuildHasher, RandomState};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use simulation::engine;

/// No time passes but in turns and waits.
pub fn clocks() -> String {
    let (begun, real) = (Instant::now(), SystemTime::now());
    let mut numbers: Vec<u64> = (0..100_000u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
    numbers.sort_unstable();
    assert!(engine::uninterruptible(|| Instant::now() == Instant::now()));
    let computed = begun.elapsed();
    assert!(computed < Duration::from_millis(1) || numbers.is_empty(), "{computed:?} passed with computing");
    assert_eq!(real.duration_since(UNIX_EPOCH).unwrap().as_secs(), 1_767_225_600);
    thread::sleep(Duration::from_secs(300));
    let (slept, now) = (begun.elapsed(), engine::now());
    assert!(slept >= Duration::from_secs(300) && slept < Duration::from_millis(300_020), "{slept:?}");
    assert!(real.elapsed().unwrap() >= Duration::from_secs(300));
    assert_eq!(thread::available_parallelism().unwrap().get(), 4);
    format!("{now:?}")
}

/// Every source of random numbers that the product has.
pub fn entropy() -> String {
    let mut os = [0; 16];
    getrandom::fill(&mut os).unwrap();
    let mut lc = [0; 16];
    aws_lc_rs::rand::fill(&mut lc).unwrap();
    let key = aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap();
    let public = aws_lc_rs::signature::KeyPair::public_key(&key).as_ref().to_vec();
    let maps: HashMap<u32, u32> = (0..20).map(|n| (n, n)).collect();
    let fast: std::collections::HashMap<u32, u32, ahash::RandomState> = (0..20).map(|n| (n, n)).collect();
    let on_threads: Vec<u64> =
        (0..3).map(|_| thread::spawn(|| RandomState::new().hash_one(1)).join().unwrap()).collect();
    let shared: &'static str = Box::leak(format!("{:p}", Box::leak(Box::new(Mutex::new(0)))).into_boxed_str());
    let keys: Vec<u32> = maps.into_keys().collect();
    let fast: Vec<u32> = fast.into_keys().collect();
    format!("{os:02x?} {lc:02x?} {public:02x?} {keys:?} {fast:?} {on_threads:?} {shared}")
}

/// The engine's functions are the ones that everybody finds.
pub fn exports() -> String {
    let of = |name: &CStr, own: usize| {
        // SAFETY: the name ends with a zero.
        let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
        assert_eq!(found as usize, own, "{name:?}");
    };
    of(c"getrandom", libc::getrandom as *const () as usize);
    of(c"clock_gettime", libc::clock_gettime as *const () as usize);
    of(c"syscall", libc::syscall as *const () as usize);
    of(c"pthread_create", libc::pthread_create as *const () as usize);
    format!("{}", engine::random().next_u64())
}

/// Destructors of thread-local values run in a thread's turn, and a thread that ends leaves the same memory each time.
pub fn threads_end() -> String {
    struct Last(u64);
    impl Drop for Last {
        fn drop(&mut self) {
            ENDED.lock().unwrap().push(self.0);
            thread::sleep(Duration::from_millis(self.0 % 4));
        }
    }
    static ENDED: Mutex<Vec<u64>> = Mutex::new(Vec::new());
    thread_local!(static LAST: std::cell::RefCell<Option<Last>> = const { std::cell::RefCell::new(None) });
    let threads: Vec<_> = (0..12)
        .map(|number| {
            thread::spawn(move || {
                LAST.with(|last| *last.borrow_mut() = Some(Last(number)));
                format!("{:p}", Box::new([number; 9]))
            })
        })
        .collect();
    let places: Vec<String> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    // Detached ones end by themselves.
    (0..12).for_each(|number| drop(thread::spawn(move || LAST.with(|last| *last.borrow_mut() = Some(Last(number))))));
    while ENDED.lock().unwrap().len() < 24 {
        thread::sleep(Duration::from_millis(1));
    }
    let ended = ENDED.lock().unwrap().clone();
    format!("{places:?} {ended:?}")
}
