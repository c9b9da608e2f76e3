//! Codes that are stored, each with its name in answers. A code never changes its meaning.

/// Declares a stored code with its name in answers, once.
macro_rules! stored_codes {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $code:literal $text:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        #[allow(missing_docs)]
        pub enum $name { $($(#[$doc])* $variant = $code,)+ }

        impl $name {
            /// Every code.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];

            /// As stored.
            pub const fn code(self) -> u8 {
                self as u8
            }

            /// The one with this code.
            pub fn from_code(code: i64) -> Option<$name> {
                $name::ALL.iter().copied().find(|known| i64::from(known.code()) == code)
            }

            /// As in answers.
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $text,)+ }
            }
        }
    };
}

pub(super) use stored_codes;
