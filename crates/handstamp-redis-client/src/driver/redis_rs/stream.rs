use std::borrow::Cow;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::gather::{Gather, InFlight};
use crate::RedisError;
use crate::driver::io_errors;

/// A stream that gathers what is to be written, and remembers why it ended.
pub(super) struct Stream<S> {
    inner: S,
    cause: Cause,
    gather: Gather,
}

/// Why a stream has ended.
#[derive(Clone, Default)]
pub(super) struct Cause(Arc<OnceLock<RedisError>>);

impl<S> Stream<S> {
    pub(super) fn new(inner: S, in_flight: InFlight) -> (Self, Cause) {
        let cause = Cause::default();
        (Self { inner, cause: cause.clone(), gather: Gather::new(in_flight) }, cause)
    }
}

impl Cause {
    /// The cause, once the connection has ended. Where the stream is intact, the server has sent something that is no reply.
    pub(super) fn get(&self) -> RedisError {
        self.0.get().cloned().unwrap_or(RedisError::UnexpectedReply)
    }

    /// The first cause counts: the others follow from it.
    fn record<T>(&self, done: io::Result<T>) -> io::Result<T> {
        done.inspect_err(|error| _ = self.0.set(io_errors::cause(error)))
    }

    fn record_end(&self) {
        _ = self.0.set(RedisError::Connection(Cow::Borrowed("the server closed it")));
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.remaining();
        let read = ready!(Pin::new(&mut self.inner).poll_read(cx, buffer));
        if read.is_ok() && buffer.remaining() == before && before > 0 {
            self.cause.record_end();
        }
        Poll::Ready(self.cause.record(read))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if !self.gather.is_complete(cx, bytes.len()) {
            return Poll::Pending;
        }
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, bytes));
        self.gather.wrote(bytes.len() - written.as_ref().map_or(0, |written| *written));
        Poll::Ready(self.cause.record(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = ready!(Pin::new(&mut self.inner).poll_flush(cx));
        Poll::Ready(self.cause.record(flushed))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::super::gather::MAX_BYTES;
    use super::*;

    #[tokio::test]
    async fn the_end_of_a_stream_has_a_cause() {
        let (ours, mut theirs) = duplex(64);
        let (mut stream, cause) = Stream::new(ours, InFlight::default());
        theirs.write_all(b"+OK\r\n").await.unwrap();
        let mut reply = [0; 5];
        stream.read_exact(&mut reply).await.unwrap();
        assert_eq!(cause.get(), RedisError::UnexpectedReply);
        drop(theirs);
        assert_eq!(stream.read(&mut reply).await.unwrap(), 0);
        assert_eq!(cause.get().to_string(), "no connection to the server: the server closed it");
        stream.write_all(b"PING\r\n").await.unwrap_err();
        assert_eq!(cause.get().to_string(), "no connection to the server: the server closed it");
    }

    #[tokio::test]
    async fn a_write_waits_until_no_command_is_added() {
        let (ours, _theirs) = duplex(64);
        let in_flight = InFlight::default();
        let (mut stream, _) = Stream::new(ours, in_flight.clone());
        let mut cx = Context::from_waker(Waker::noop());
        let mut write = |bytes: &[u8]| Pin::new(&mut stream).poll_write(&mut cx, bytes);
        let _both = (in_flight.begin(), in_flight.begin());
        assert!(write(b"one ").is_pending());
        assert!(write(b"one two ").is_pending(), "another one has come");
        assert!(write(b"one two ").is_ready());
    }

    #[tokio::test]
    async fn a_command_alone_and_a_large_batch_are_not_delayed() {
        let (ours, _theirs) = duplex(2 * MAX_BYTES);
        let in_flight = InFlight::default();
        let (mut stream, _) = Stream::new(ours, in_flight.clone());
        let mut cx = Context::from_waker(Waker::noop());
        let mut write = |bytes: &[u8]| Pin::new(&mut stream).poll_write(&mut cx, bytes);
        let _one = in_flight.begin();
        assert!(write(b"one").is_ready());
        let two = in_flight.begin();
        assert!(write(b"two").is_pending());
        assert!(write(&[0; MAX_BYTES]).is_ready());
        drop(two);
        assert!(write(b"three").is_ready(), "the caller has given up");
    }
}
