//! What the chain stores lies where it lay, as it lay: whoever changes that writes a migration.
//!
//! The committed layout is that of all storage items of this repository's pallets, by the metadata, so that none can be
//! forgotten. See docs/upgrades.md.

use frame_metadata::{
	v14::{PalletStorageMetadata, RuntimeMetadataV14, StorageEntryModifier, StorageEntryType},
	RuntimeMetadata, RuntimeMetadataPrefixed,
};
use frame_support::traits::{GetStorageVersion, StorageInfoTrait};
use scale_info::{
	form::PortableForm, Field, PortableRegistry, Type, TypeDef, TypeDefComposite, TypeDefPrimitive, TypeDefVariant,
};
use sibyl_runtime::{AllPalletsWithSystem, Feeds, Inference, Models, Runtime, Timelock, Timing};
use std::{
	collections::{BTreeMap, BTreeSet},
	fmt::Write,
};

const COMMITTED: &str = include_str!("storage.txt");

/// Pallets whose layout the SDK answers for.
const OF_THE_SDK: [&str; 21] = [
	"AuthorityDiscovery",
	"Authorship",
	"Babe",
	"Balances",
	"Council",
	"CouncilMembership",
	"Grandpa",
	"Historical",
	"Offences",
	"Preimage",
	"SafeMode",
	"Scheduler",
	"Session",
	"Staking",
	"Sudo",
	"System",
	"Timestamp",
	"TransactionPayment",
	"Treasury",
	"Utility",
	"VoterList",
];

/// The types that are stored, each said once.
struct Types<'a> {
	registry: &'a PortableRegistry,
	begun: BTreeSet<u32>,
	said: BTreeMap<String, BTreeSet<String>>,
}

impl Types<'_> {
	/// How a value of the type is written: the type's name where it has one, else its parts.
	fn layout(&mut self, id: u32) -> String {
		let registry = self.registry;
		let ty = registry.resolve(id).expect("the registry has all types");
		let is_generic = ty.type_params.iter().any(|parameter| parameter.ty.is_some());
		match ty.path.segments.last() {
			None => self.parts(ty, " "),
			// A name says nothing of the parameters, so the parts stand in its place.
			Some(name) if is_generic => format!("{name}{}", self.parts(ty, " ")),
			Some(_) => {
				let name = ty.path.segments.join("::");
				if self.begun.insert(id) {
					let parts = self.parts(ty, "\n\t");
					self.said.entry(name.clone()).or_default().insert(parts);
				}
				name
			}
		}
	}

	fn parts(&mut self, ty: &Type<PortableForm>, between: &str) -> String {
		match &ty.type_def {
			TypeDef::Composite(TypeDefComposite { fields }) => self.fields(fields, between),
			TypeDef::Variant(TypeDefVariant { variants }) => {
				let mut variants: Vec<_> = variants.iter().collect();
				variants.sort_by_key(|variant| variant.index);
				let parts = variants.into_iter().map(|variant| {
					let fields = self.fields(&variant.fields, " ");
					format!("{} {}{fields}", variant.index, variant.name)
				});
				format!("<{between}{}{}>", parts.collect::<Vec<_>>().join(&format!(",{between}")), end(between))
			}
			TypeDef::Sequence(list) => format!("[{}]", self.layout(list.type_param.id)),
			TypeDef::Array(array) => format!("[{}; {}]", self.layout(array.type_param.id), array.len),
			TypeDef::Tuple(tuple) => {
				let parts: Vec<_> = tuple.fields.iter().map(|field| self.layout(field.id)).collect();
				format!("({})", parts.join(", "))
			}
			TypeDef::Primitive(primitive) => primitive_name(primitive),
			TypeDef::Compact(compact) => format!("compact {}", self.layout(compact.type_param.id)),
			TypeDef::BitSequence(bits) => format!("bits in {}", self.layout(bits.bit_store_type.id)),
		}
	}

	fn fields(&mut self, fields: &[Field<PortableForm>], between: &str) -> String {
		if fields.is_empty() {
			return String::new();
		}
		let parts = fields.iter().map(|field| {
			let layout = self.layout(field.ty.id);
			field.name.as_ref().map_or(layout.clone(), |name| format!("{name}: {layout}"))
		});
		let parts = parts.collect::<Vec<_>>().join(&format!(",{between}"));
		match fields[0].name {
			Some(_) => format!(" {{{between}{parts}{}}}", end(between)),
			None => format!("({parts})"),
		}
	}
}

/// What follows the last part.
fn end(between: &str) -> &str {
	if between == " " {
		" "
	} else {
		",\n"
	}
}

fn primitive_name(primitive: &TypeDefPrimitive) -> String {
	format!("{primitive:?}").to_lowercase()
}

fn storage_version(pallet: &str) -> u16 {
	let version = match pallet {
		"Timing" => Timing::in_code_storage_version(),
		"Inference" => Inference::in_code_storage_version(),
		"Models" => Models::in_code_storage_version(),
		"Feeds" => Feeds::in_code_storage_version(),
		"Timelock" => Timelock::in_code_storage_version(),
		other => panic!("{other} is a new pallet: name its storage version here"),
	};
	codec::Decode::decode(&mut &codec::Encode::encode(&version)[..]).expect("a version is a number")
}

/// The most that an entry takes with its key, which says what the metadata does not: how long lists may be.
fn max_bytes(prefix: &str, item: &str) -> u32 {
	let infos = AllPalletsWithSystem::storage_info().into_iter();
	let mut sizes = infos.filter(|info| info.pallet_name == prefix.as_bytes() && info.storage_name == item.as_bytes());
	sizes.next().and_then(|info| info.max_size).expect("every item of these pallets is bounded")
}

fn items(types: &mut Types, PalletStorageMetadata { prefix, entries }: &PalletStorageMetadata<PortableForm>) -> String {
	let mut text = String::new();
	for entry in entries {
		let lies = match &entry.ty {
			StorageEntryType::Plain(value) => types.layout(value.id),
			StorageEntryType::Map { hashers, key, value } => {
				format!("{hashers:?} {} => {}", types.layout(key.id), types.layout(value.id))
			}
		};
		let absent = match entry.modifier {
			StorageEntryModifier::Optional => String::new(),
			StorageEntryModifier::Default => format!(", else {}", sp_core::bytes::to_hex(&entry.default, false)),
		};
		let bytes = max_bytes(prefix, &entry.name);
		writeln!(text, "{prefix}.{}: {lies}{absent}, at most {bytes} bytes", entry.name).expect("a string takes all");
	}
	text
}

fn metadata() -> RuntimeMetadataV14 {
	// Babe's constants are read from the storage.
	match sp_io::TestExternalities::default().execute_with(Runtime::metadata) {
		RuntimeMetadataPrefixed(_, RuntimeMetadata::V14(metadata)) => metadata,
		_ => panic!("the metadata is of version 14"),
	}
}

fn layout() -> String {
	let metadata = metadata();
	let mut types = Types { registry: &metadata.types, begun: BTreeSet::new(), said: BTreeMap::new() };
	let mut text = String::new();
	for pallet in metadata.pallets.iter().filter(|pallet| !OF_THE_SDK.contains(&pallet.name.as_str())) {
		writeln!(text, "{}, storage version {}", pallet.name, storage_version(&pallet.name))
			.expect("a string takes all");
		text += &pallet.storage.as_ref().map_or(String::new(), |storage| items(&mut types, storage));
		text.push('\n');
	}
	for (name, layouts) in types.said {
		for parts in layouts {
			writeln!(text, "{name}{parts}").expect("a string takes all");
		}
	}
	text
}

#[test]
fn every_item_of_the_storage_has_its_committed_layout() {
	let layout = layout();
	if std::env::var_os("SIBYL_WRITE_LAYOUT").is_some() {
		std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/storage.txt"), &layout)
			.expect("the file is writable");
		return;
	}
	let lines = |text: &'static str| text.lines().collect::<BTreeSet<_>>();
	let now: &'static str = layout.leak();
	let (old, new) = (lines(COMMITTED), lines(now));
	let changes = old.difference(&new).map(|line| format!("- {line}"));
	let changes: Vec<_> = changes.chain(new.difference(&old).map(|line| format!("+ {line}"))).collect();
	assert!(
		COMMITTED == now,
		"what is stored has changed, so a running chain needs a migration and its pallet a higher storage version \
		 (docs/upgrades.md). With both written, SIBYL_WRITE_LAYOUT=1 writes tests/storage.txt anew.\n{}",
		changes.join("\n")
	);
}

#[test]
fn the_list_of_the_sdks_pallets_names_none_that_is_gone() {
	let metadata = metadata();
	let pallets: BTreeSet<_> = metadata.pallets.iter().map(|pallet| pallet.name.as_str()).collect();
	let gone: Vec<_> = OF_THE_SDK.into_iter().filter(|name| !pallets.contains(name)).collect();
	assert!(gone.is_empty(), "{gone:?}");
}
