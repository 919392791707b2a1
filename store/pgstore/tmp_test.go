package pgstore

import (
	"bytes"
	"context"
	"io"
	"iter"
	"os"
	"path/filepath"

	"restante/blob"
	"restante/internal/pgtest"
)

func testServer() string { return os.Getenv(pgtest.ServerEnv) }

type dirBlobs struct{ dir string }

func memBlobs(dir string) blob.Store      { return dirBlobs{filepath.Join(dir, "blobs")} }
func (d dirBlobs) path(k blob.Key) string { return filepath.Join(d.dir, string(k)) }
func (d dirBlobs) Put(ctx context.Context, key blob.Key, body io.ReaderAt, size int64) error {
	b, err := io.ReadAll(io.NewSectionReader(body, 0, size))
	if err != nil {
		return err
	}
	os.MkdirAll(filepath.Dir(d.path(key)), 0o700)
	return os.WriteFile(d.path(key), b, 0o600)
}
func (d dirBlobs) Open(ctx context.Context, key blob.Key, offset int64) (io.ReadCloser, error) {
	b, err := os.ReadFile(d.path(key))
	if err != nil {
		return nil, blob.ErrNotFound
	}
	return io.NopCloser(bytes.NewReader(b[offset:])), nil
}
func (d dirBlobs) Delete(ctx context.Context, keys ...blob.Key) error {
	for _, k := range keys {
		os.Remove(d.path(k))
	}
	return nil
}
func (d dirBlobs) List(ctx context.Context, g blob.Generation) iter.Seq2[blob.Object, error] {
	return func(func(blob.Object, error) bool) {}
}
func (d dirBlobs) Check(ctx context.Context) error { return nil }
func (d dirBlobs) Close() error                    { return nil }
