//! SCALE encodings of a type, by what the type says of itself.

use crate::Random;
use codec::{Compact, Encode};
use scale_info::{
	form::PortableForm, MetaType, PortableRegistry, Registry, Type, TypeDef, TypeDefPrimitive, TypeInfo, Variant,
};

/// Values deeper than that are as small as they can be.
const MAX_DEPTH: usize = 24;
/// Bytes of a value from which on its lists are empty.
const ENOUGH_BYTES: usize = 16 * 1024;

/// A type, and all that it is made of.
pub struct Types {
	registry: PortableRegistry,
	root: u32,
}

/// Where in a value a part of it stands.
pub struct Place<'a> {
	/// The part's type, without the modules that it is in; empty for numbers, lists and tuples.
	pub name: &'a str,
	/// The name of the field that it is in, or of the one around that.
	pub field: &'a str,
	/// How many values it is in.
	pub depth: usize,
}

/// A value's bytes, and what they are chosen by.
struct Writer<'a, F> {
	types: &'a Types,
	random: &'a mut Random,
	numbers: &'a [u128],
	known: F,
	bytes: Vec<u8>,
}

impl Types {
	/// The type `T`.
	pub fn of<T: TypeInfo + 'static>() -> Self {
		let mut registry = Registry::new();
		let root = registry.register_type(&MetaType::new::<T>()).id;
		Self { registry: registry.into(), root }
	}

	/// The encoding of a value. `numbers` are some that numbers often are. `known` gives the encoding of a part that is not to
	/// be any of its type.
	pub fn value(
		&self,
		random: &mut Random,
		numbers: &[u128],
		known: impl FnMut(&mut Random, &Place) -> Option<Vec<u8>>,
	) -> Vec<u8> {
		let mut writer = Writer { types: self, random, numbers, known, bytes: Vec::new() };
		writer.value(self.root, "", 0);
		writer.bytes
	}

	fn get(&self, id: u32) -> &Type<PortableForm> {
		self.registry.resolve(id).expect("a registry has all the types that its types name")
	}
}

impl<F: FnMut(&mut Random, &Place) -> Option<Vec<u8>>> Writer<'_, F> {
	fn value(&mut self, id: u32, field: &str, depth: usize) {
		let types = self.types;
		let of = types.get(id);
		let name = of.path.segments.last().map_or("", String::as_str);
		if let Some(bytes) = (self.known)(self.random, &Place { name, field, depth }) {
			self.bytes.extend(bytes);
			return;
		}
		match &of.type_def {
			TypeDef::Composite(composite) => {
				for part in &composite.fields {
					self.value(part.ty.id, part.name.as_deref().unwrap_or(field), depth + 1);
				}
			}
			TypeDef::Variant(variants) => {
				let variant = self.variant(&variants.variants, depth);
				self.bytes.push(variant.index);
				for part in &variant.fields {
					self.value(part.ty.id, part.name.as_deref().unwrap_or(field), depth + 1);
				}
			}
			TypeDef::Sequence(list) => {
				let of = list.type_param.id;
				let is_of_bytes = matches!(types.get(of).type_def, TypeDef::Primitive(TypeDefPrimitive::U8));
				let length = match self.random.length() {
					_ if depth > MAX_DEPTH || self.bytes.len() > ENOUGH_BYTES => 0,
					length if is_of_bytes || self.random.one_in(4) => length,
					length => length.min(4),
				};
				self.bytes.extend(Compact(length as u32).encode());
				(0..length).for_each(|_| self.value(of, field, depth + 1));
			}
			TypeDef::Array(array) => {
				(0..array.len).for_each(|_| self.value(array.type_param.id, field, depth + 1));
			}
			TypeDef::Tuple(tuple) => tuple.fields.iter().for_each(|part| self.value(part.id, field, depth + 1)),
			TypeDef::Primitive(primitive) => self.primitive(primitive),
			TypeDef::Compact(compact) => {
				let number = self.bits_of(compact.type_param.id).map_or(0, |bits| self.number(bits));
				self.bytes.extend(Compact(number).encode());
			}
			TypeDef::BitSequence(_) => {
				let bytes = self.random.below(4);
				self.bytes.extend(Compact(bytes as u32 * 8).encode());
				self.bytes.extend(self.random.bytes(bytes));
			}
		}
	}

	/// One of the variants: deep inside, one that has nothing in it where there is such.
	fn variant<'v>(&mut self, variants: &'v [Variant<PortableForm>], depth: usize) -> &'v Variant<PortableForm> {
		match variants.iter().find(|variant| variant.fields.is_empty()) {
			Some(leaf) if depth > MAX_DEPTH => leaf,
			_ => self.random.pick(variants),
		}
	}

	fn primitive(&mut self, primitive: &TypeDefPrimitive) {
		let bits = match primitive {
			TypeDefPrimitive::Bool => return self.bytes.push(self.random.below(2) as u8),
			TypeDefPrimitive::Char => return self.bytes.extend(u32::from('x').encode()),
			TypeDefPrimitive::Str => return self.bytes.extend("x".repeat(self.random.below(9)).encode()),
			TypeDefPrimitive::U256 | TypeDefPrimitive::I256 => return self.bytes.extend(self.random.bytes(32)),
			// Bytes are any: they are texts and keys more often than numbers.
			TypeDefPrimitive::U8 => return self.bytes.push(self.random.word() as u8),
			TypeDefPrimitive::I8 => 8,
			TypeDefPrimitive::U16 | TypeDefPrimitive::I16 => 16,
			TypeDefPrimitive::U32 | TypeDefPrimitive::I32 => 32,
			TypeDefPrimitive::U64 | TypeDefPrimitive::I64 => 64,
			TypeDefPrimitive::U128 | TypeDefPrimitive::I128 => 128,
		};
		let number = self.number(bits);
		self.bytes.extend(&number.to_le_bytes()[..bits as usize / 8]);
	}

	fn number(&mut self, bits: u32) -> u128 {
		if !self.numbers.is_empty() && self.random.one_in(2) {
			*self.random.pick(self.numbers) & (u128::MAX >> (128 - bits))
		} else {
			self.random.number(bits)
		}
	}

	/// Of a number, or of what is made of one alone.
	fn bits_of(&self, id: u32) -> Option<u32> {
		match &self.types.get(id).type_def {
			TypeDef::Primitive(TypeDefPrimitive::U8) => Some(8),
			TypeDef::Primitive(TypeDefPrimitive::U16) => Some(16),
			TypeDef::Primitive(TypeDefPrimitive::U32) => Some(32),
			TypeDef::Primitive(TypeDefPrimitive::U64) => Some(64),
			TypeDef::Primitive(TypeDefPrimitive::U128) => Some(128),
			TypeDef::Composite(composite) => self.bits_of(composite.fields.first()?.ty.id),
			_ => None,
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use codec::{Decode, DecodeAll};

	#[derive(Clone, Debug, PartialEq, Encode, Decode, TypeInfo)]
	enum Tree {
		Leaf,
		Known(Leaf),
		Node { left: Box<Tree>, right: Box<Tree> },
		Many(Vec<Tree>),
		Numbers(#[codec(compact)] u32, u8, [u16; 3], (i64, bool), Option<u128>, String),
	}

	#[derive(Clone, Debug, PartialEq, Encode, Decode, TypeInfo)]
	struct Leaf(u32);

	#[test]
	fn what_is_written_is_a_value_of_the_type_with_what_is_known_in_its_place() {
		let types = Types::of::<Tree>();
		let mut random = Random::new(1);
		let (mut depths, mut numbers) = (0, 0);
		for _ in 0..2_000 {
			let bytes = types.value(&mut random, &[77], |_, place| {
				depths = depths.max(place.depth);
				(place.name == "Leaf").then(|| 5u32.encode())
			});
			let tree = Tree::decode_all(&mut &bytes[..]).expect("it is a tree");
			match tree {
				Tree::Known(leaf) => assert_eq!(leaf, Leaf(5)),
				Tree::Numbers(77, ..) => numbers += 1,
				_ => {}
			}
		}
		assert!(depths > 5 && numbers > 50, "{depths} {numbers}");
	}
}
