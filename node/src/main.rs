//! A validator and full node of the Sibyl chain.

/// glibc's allocator keeps most of what was freed in its many arenas, so that a node grew to four times of what it used.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
	sibyl_node::run(sibyl_node::Assembly::start)
}
