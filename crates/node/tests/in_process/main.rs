//! A frontend and a backend in this process, without the program around them: what no flag can set up, and clients that
//! no library would be.

mod broker;
mod enhanced_authentication;
mod hostile;
mod wire;
