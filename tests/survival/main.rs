//! What survives: kill -9, restarts, damaged files, a full disk; and starts that must fail.

mod acknowledged;
mod backlog;
mod consumer;
mod damage;
mod disk_full;
mod kill_loop;
mod marks;
mod producer;
mod refused_starts;
mod restart;
