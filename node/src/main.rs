//! A validator and full node of the Sibyl chain.

fn main() -> std::process::ExitCode {
	sibyl_node::run(sibyl_node::Assembly::start)
}
