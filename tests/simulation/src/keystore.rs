//! A node's keys, each made once: the keystore in memory of `sp-keystore` derives every key from its seed whenever it is asked
//! for any, which took a third of the simulation's time.

use sibyl_primitives::inference_key::{InferencePair, KEY_TYPE};
use sp_core::{crypto::KeyTypeId, ecdsa, ed25519, sr25519, Pair};
use sp_keystore::{Error, Keystore};

/// The keys, which sign inferences. A node of the simulation has no others.
pub(crate) struct Keys(Vec<ed25519::Pair>);

impl Keys {
	/// These keys.
	pub fn new(pairs: impl IntoIterator<Item = InferencePair>) -> Self {
		Self(pairs.into_iter().map(ed25519::Pair::from).collect())
	}
}

impl Keystore for Keys {
	fn ed25519_public_keys(&self, key_type: KeyTypeId) -> Vec<ed25519::Public> {
		let is_right = key_type == KEY_TYPE;
		self.0.iter().filter(|_| is_right).map(Pair::public).collect()
	}

	fn ed25519_sign(
		&self,
		key_type: KeyTypeId,
		public: &ed25519::Public,
		message: &[u8],
	) -> Result<Option<ed25519::Signature>, Error> {
		let pair = self.0.iter().find(|pair| key_type == KEY_TYPE && pair.public() == *public);
		Ok(pair.map(|pair| pair.sign(message)))
	}

	fn keys(&self, key_type: KeyTypeId) -> Result<Vec<Vec<u8>>, Error> {
		Ok(self.ed25519_public_keys(key_type).into_iter().map(|public| public.to_vec()).collect())
	}

	fn has_keys(&self, keys: &[(Vec<u8>, KeyTypeId)]) -> bool {
		keys.iter().all(|(key, key_type)| self.keys(*key_type).is_ok_and(|known| known.contains(key)))
	}

	fn insert(&self, _: KeyTypeId, _: &str, _: &[u8]) -> Result<(), ()> {
		Err(())
	}

	fn ed25519_generate_new(&self, _: KeyTypeId, _: Option<&str>) -> Result<ed25519::Public, Error> {
		Err(Error::Unavailable)
	}

	fn sr25519_public_keys(&self, _: KeyTypeId) -> Vec<sr25519::Public> {
		Vec::new()
	}

	fn sr25519_generate_new(&self, _: KeyTypeId, _: Option<&str>) -> Result<sr25519::Public, Error> {
		Err(Error::Unavailable)
	}

	fn sr25519_sign(&self, _: KeyTypeId, _: &sr25519::Public, _: &[u8]) -> Result<Option<sr25519::Signature>, Error> {
		Ok(None)
	}

	fn sr25519_vrf_sign(
		&self,
		_: KeyTypeId,
		_: &sr25519::Public,
		_: &sr25519::vrf::VrfSignData,
	) -> Result<Option<sr25519::vrf::VrfSignature>, Error> {
		Ok(None)
	}

	fn sr25519_vrf_pre_output(
		&self,
		_: KeyTypeId,
		_: &sr25519::Public,
		_: &sr25519::vrf::VrfInput,
	) -> Result<Option<sr25519::vrf::VrfPreOutput>, Error> {
		Ok(None)
	}

	fn ecdsa_public_keys(&self, _: KeyTypeId) -> Vec<ecdsa::Public> {
		Vec::new()
	}

	fn ecdsa_generate_new(&self, _: KeyTypeId, _: Option<&str>) -> Result<ecdsa::Public, Error> {
		Err(Error::Unavailable)
	}

	fn ecdsa_sign(&self, _: KeyTypeId, _: &ecdsa::Public, _: &[u8]) -> Result<Option<ecdsa::Signature>, Error> {
		Ok(None)
	}

	fn ecdsa_sign_prehashed(
		&self,
		_: KeyTypeId,
		_: &ecdsa::Public,
		_: &[u8; 32],
	) -> Result<Option<ecdsa::Signature>, Error> {
		Ok(None)
	}
}
