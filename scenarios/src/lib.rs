//! `scenarios`: from the text of a scenario to what the engine takes, and what to say when it is wrong.
//!
//! ```
//! use scenarios::{Overrides, Source, resolve};
//!
//! let source = Source::new("example.yaml", "kernel: 5.10\npath: {rtt: 200ms}\n");
//! let scenario = resolve(&source, &Overrides::default()).unwrap();
//! assert_eq!(scenario.config.kernel.name, "5.10");
//!
//! let source = Source::new("example.yaml", "kernel: 6.1\npath: {rrt: 200ms}\n");
//! let error = resolve(&source, &Overrides::default()).unwrap_err();
//! assert_eq!(error.to_string(), "example.yaml:2:8: error: `rrt` is not a key of path (did you mean `rtt`?)");
//! ```
//!
//! A text becomes a tree with positions, overrides of the command line are put into the tree, and the tree
//! is resolved against one table of keys, from which the JSON schema, the reference and the hints come too.

mod app_keys;
mod app_text;
mod apps;
mod brackets;
pub mod claims;
mod context;
mod diagnostic;
mod emit;
mod endpoint;
mod expect;
mod flows;
mod gallery;
mod inject;
mod inject_text;
mod kernel;
mod key_info;
mod keys;
mod nearest;
mod not_modelled;
mod overrides;
mod path;
mod path_keys;
mod path_text;
mod resolve;
mod schema;
mod source;
mod sysctls;
mod template;
pub mod tree;
pub mod units;
mod yaml;

pub use diagnostic::{Diagnostic, ScenarioError, Severity};
pub use emit::resolved_yaml;
pub use expect::{Check, Expectation, Outcome, evaluate};
pub use gallery::{gallery, gallery_text, template};
pub use inject_text::injection_yaml;
pub use kernel::{KernelName, UnknownKernel, resolve_kernel};
pub use key_info::{KeyInfo, Quantity, key_info};
pub use keys::reference;
pub use nearest::nearest;
pub use overrides::Overrides;
pub use resolve::{Scenario, check_unique_names, resolve, resolve_all};
pub use schema::json_schema;
pub use source::{DEFAULT_SIZE_LIMIT, LoadError, Source, load_file};
pub use sysctls::{changed_sysctls, ignored_sysctl};
pub use template::Template;
