//! pub, sub, rr and bench as a person runs them, against other brokers and ours.
