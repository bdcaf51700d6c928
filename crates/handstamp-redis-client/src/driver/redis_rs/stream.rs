use std::borrow::Cow;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::RedisError;
use crate::driver::io_errors;

/// A stream that remembers why it ended.
pub(super) struct Stream<S> {
    inner: S,
    cause: Cause,
}

/// Why a stream has ended.
#[derive(Clone, Default)]
pub(super) struct Cause(Arc<OnceLock<RedisError>>);

impl<S> Stream<S> {
    pub(super) fn new(inner: S) -> (Self, Cause) {
        let cause = Cause::default();
        (Self { inner, cause: cause.clone() }, cause)
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
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, bytes));
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
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn the_end_of_a_stream_has_a_cause() {
        let (ours, mut theirs) = duplex(64);
        let (mut stream, cause) = Stream::new(ours);
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
}
