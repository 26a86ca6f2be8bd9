//! Lets `dlsym` find what the engine interposes: some crates look their system calls up at run time.

fn main() {
    for symbol in ["clock_gettime", "getrandom", "pthread_create", "syscall"] {
        println!("cargo::rustc-link-arg=-Wl,--export-dynamic-symbol={symbol}");
    }
    println!("cargo::rerun-if-changed=build.rs");
}
