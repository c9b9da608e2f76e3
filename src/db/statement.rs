//! A fixed SQL text with typed parameters, prepared once a connection.
//!
//! The hot path writes whole batches with `INSERT .. SELECT unnest(..), ..` and `UPDATE .. FROM (SELECT unnest(..), ..)`,
//! which the query builder cannot say; one form for all statements is simpler than two. Every text is a constant: values travel
//! as parameters only.

use std::marker::PhantomData;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::{Error, QueryResult};
use diesel::sql_types::{Array, BigInt, Binary, Bool, Date, Integer, Nullable, SmallInt, Text, Timestamp, Timestamptz};
use uuid::Uuid;

/// A value that a statement can carry.
pub trait Bind: Send + Sync {
    /// Writes the parameter's place into the text and its value into the message.
    ///
    /// # Errors
    /// When the value cannot be serialised.
    fn push<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()>;
}

macro_rules! binds {
    ($($rust:ty => $sql:ty),+ $(,)?) => {$(
        impl Bind for $rust {
            fn push<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
                out.push_bind_param::<$sql, $rust>(self)
            }
        }
        impl Bind for Option<$rust> {
            fn push<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
                out.push_bind_param::<Nullable<$sql>, Option<$rust>>(self)
            }
        }
        impl Bind for Vec<$rust> {
            fn push<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
                out.push_bind_param::<Array<$sql>, Vec<$rust>>(self)
            }
        }
        impl Bind for Vec<Option<$rust>> {
            fn push<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
                out.push_bind_param::<Array<Nullable<$sql>>, Vec<Option<$rust>>>(self)
            }
        }
    )+};
}

binds! {
    i16 => SmallInt,
    i32 => Integer,
    i64 => BigInt,
    bool => Bool,
    String => Text,
    Vec<u8> => Binary,
    Uuid => diesel::sql_types::Uuid,
    NaiveDate => Date,
    NaiveDateTime => Timestamp,
    DateTime<Utc> => Timestamptz,
}

/// SQL with a `?` for each parameter; `T` is the SQL type of its rows.
pub struct Statement<T = ()> {
    sql: &'static str,
    binds: Vec<Box<dyn Bind>>,
    rows: PhantomData<fn() -> T>,
}

/// A statement without parameters yet.
pub fn statement<T>(sql: &'static str) -> Statement<T> {
    Statement { sql, binds: Vec::new(), rows: PhantomData }
}

impl<T> Statement<T> {
    /// Gives the next `?` its value.
    #[must_use]
    pub fn bind(mut self, value: impl Bind + 'static) -> Self {
        self.binds.push(Box::new(value));
        self
    }
}

impl<T> QueryFragment<Pg> for Statement<T> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut binds = self.binds.iter();
        for (number, text) in self.sql.split('?').enumerate() {
            if number > 0 {
                let bind = binds.next().ok_or_else(|| Error::QueryBuilderError("a parameter is missing".into()))?;
                bind.push(out.reborrow())?;
            }
            out.push_sql(text);
        }
        if binds.next().is_some() { Err(Error::QueryBuilderError("a parameter too many".into())) } else { Ok(()) }
    }
}

// Two texts are two statements: the cache goes by the text, not by the type.
impl<T> QueryId for Statement<T> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<T> Query for Statement<T> {
    type SqlType = T;
}
