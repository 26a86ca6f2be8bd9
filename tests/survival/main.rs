//! What survives: kill -9, restarts, damaged files, a full disk; and starts that must fail.

mod backlog;
mod damage;
mod disk_full;
mod kill_loop;
mod marks;
mod refused_starts;
mod restart;
