// Package s3blob is an object store in a bucket of an S3 server. It promises what the server does.
//
// # Invariants
//
//   - No request that stores is sent a second time. A PUT that has failed may turn up later; a new
//     key is the only way to try again.
//   - The server has the SHA-256 of what it is sent before it answers, as part of the signature, and
//     refuses other octets.
//   - An answer that says anything but "no such key" says nothing about whether an object is there:
//     a bucket that is not there is no blob.ErrNotFound.
//   - A server that is silent for Config.Silence has failed.
//   - Secrets are in no error and in no log.
//
// Every object is whole or not there: S3 promises that. Parts of uploads that were broken off are
// removed; those of a process that was killed stay invisible in the bucket until a lifecycle rule
// (AbortIncompleteMultipartUpload) removes them.
//
// What the server cannot check otherwise is asked for in a header: If-None-Match, so that a key that
// is in use is refused. A server that does not know that is not asked again.
package s3blob

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"restante/blob"
)

// Store is an object store in a bucket.
type Store struct {
	config        Config
	client        *s3.Client
	transport     *http.Transport
	unconditional atomic.Bool // the server does not know If-None-Match
}

var _ blob.Store = (*Store)(nil)

// Open returns the store in a bucket. It sends nothing: Check does.
func Open(c Config) (*Store, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	transport := newTransport(c.Silence, c.RootCAs)
	options := s3.Options{
		Region:       c.Region,
		Credentials:  credentials.NewStaticCredentialsProvider(c.AccessKey, c.SecretKey, c.SessionToken),
		UsePathStyle: c.PathStyle,
		HTTPClient:   &http.Client{Transport: plainBody{transport}},
		Retryer:      aws.NopRetryer{},
		// The checksums that not every server knows are not sent: the signature has one.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	}
	if c.Endpoint != "" {
		options.BaseEndpoint = aws.String(c.url())
	}
	return &Store{config: c, client: s3.New(options), transport: transport}, nil
}

// name returns what an object is called in the bucket. Error is blob.ErrBadKey.
func (s *Store) name(key blob.Key) (*string, error) {
	if _, _, err := key.Parse(); err != nil {
		return nil, err
	}
	return aws.String(s.config.Prefix + string(key)), nil
}

// whole is a body that has as many octets as it should, or an error. After end it is not read any
// more: a connection may go on with what it sends when a request has failed already.
type whole struct {
	io.ReaderAt
	size int64
	mu   struct {
		sync.RWMutex
		ended bool
	}
}

func (w *whole) ReadAt(p []byte, offset int64) (int, error) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.mu.ended {
		return 0, fs.ErrClosed
	}
	n, err := w.ReaderAt.ReadAt(p, offset)
	if err == io.EOF && n < len(p) && offset+int64(n) < w.size {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (w *whole) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.ended = true
}

// Put uploads an object, in one request or in parts. The error for a key that is in use is
// fs.ErrExist, from servers that look.
func (s *Store) Put(ctx context.Context, key blob.Key, body io.ReaderAt, size int64) error {
	name, err := s.name(key)
	if err != nil {
		return err
	}
	put := s.putWhole
	if size > s.config.PartSize {
		put = s.putParts
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	octets := &whole{ReaderAt: body, size: size}
	defer octets.end()
	err = put(ctx, name, octets, size, !s.unconditional.Load())
	if isNotImplemented(err) && !s.unconditional.Swap(true) { // nothing was stored
		err = put(ctx, name, octets, size, false)
	}
	switch code := errorCode(err); {
	case err == nil:
		return nil
	case code == "PreconditionFailed" || code == "ConditionalRequestConflict":
		return fmt.Errorf("s3blob: object %s: %w", key, fs.ErrExist)
	default:
		return s.failed(err, "object %s", key)
	}
}

// condition is the header that refuses a key that is in use.
func condition(conditional bool) *string {
	if conditional {
		return aws.String("*")
	}
	return nil
}

func (s *Store) putWhole(ctx context.Context, name *string, body io.ReaderAt, size int64, conditional bool) error {
	octets := io.NewSectionReader(body, 0, size)
	withHash, err := signed(octets)
	if err != nil {
		return err
	}
	_, err = s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.config.Bucket, Key: name, Body: octets, ContentLength: &size, IfNoneMatch: condition(conditional),
	}, withHash)
	return err
}

// Open reads an object.
func (s *Store) Open(ctx context.Context, key blob.Key, offset int64) (io.ReadCloser, error) {
	name, err := s.name(key)
	if err != nil {
		return nil, err
	}
	in := &s3.GetObjectInput{Bucket: &s.config.Bucket, Key: name}
	if offset > 0 {
		in.Range = aws.String("bytes=" + strconv.FormatInt(offset, 10) + "-")
	}
	out, err := s.client.GetObject(ctx, in)
	switch code := errorCode(err); {
	case code == "NoSuchKey":
		return nil, fmt.Errorf("s3blob: %w: %s", blob.ErrNotFound, key)
	case code == "InvalidRange": // at its end or beyond
		return io.NopCloser(bytes.NewReader(nil)), nil
	case err != nil:
		return nil, s.failed(err, "object %s", key)
	}
	if offset > 0 && out.ContentRange == nil {
		out.Body.Close()
		return nil, fmt.Errorf("s3blob: object %s: %s sends it from its beginning, and was asked for what is at %d", key, s.config.url(), offset)
	}
	return &reader{out.Body, s, key}, nil
}

// reader is the body of an answer. It does not end before the length that was announced.
type reader struct {
	io.ReadCloser
	store *Store
	key   blob.Key
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = r.store.failed(err, "object %s", r.key)
	}
	return n, err
}

// keysAtOnce is how many keys S3 deletes in one request, and lists in one answer.
const keysAtOnce = 1000

// Delete removes objects, up to 1000 in a request.
func (s *Store) Delete(ctx context.Context, keys ...blob.Key) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	names := make([]types.ObjectIdentifier, len(keys))
	for i, key := range keys {
		name, err := s.name(key)
		if err != nil {
			return err
		}
		names[i].Key = name
	}
	for len(names) > 0 {
		n := min(len(names), keysAtOnce)
		out, err := s.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{
			Bucket: &s.config.Bucket,
			Delete: &types.Delete{Objects: names[:n], Quiet: aws.Bool(true)},
		}, withMD5)
		if err != nil {
			return s.failed(err, "deleting %d objects", n)
		}
		for _, e := range out.Errors {
			if aws.ToString(e.Code) != "NoSuchKey" {
				return fmt.Errorf("s3blob: object %s is not deleted: %s %s", aws.ToString(e.Key), aws.ToString(e.Code), aws.ToString(e.Message))
			}
		}
		names = names[n:]
	}
	return nil
}

// withMD5 adds the checksum that every server wants to see with a list of what to delete.
func withMD5(o *s3.Options) {
	o.APIOptions = append(o.APIOptions, smithyhttp.AddContentChecksumMiddleware)
}

// List lists the keys with the generation's prefix, page by page.
func (s *Store) List(ctx context.Context, generation blob.Generation) iter.Seq2[blob.Object, error] {
	return func(yield func(blob.Object, error) bool) {
		pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{
			Bucket: &s.config.Bucket, Prefix: aws.String(s.config.Prefix + generation.Prefix()),
		}, func(o *s3.ListObjectsV2PaginatorOptions) { o.Limit, o.StopOnDuplicateToken = keysAtOnce, true })
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(blob.Object{}, s.failed(err, "listing generation %s", generation.Prefix()))
				return
			}
			for _, o := range page.Contents {
				key := blob.Key(strings.TrimPrefix(aws.ToString(o.Key), s.config.Prefix))
				if _, _, err := key.Parse(); err != nil {
					continue // not of ours
				}
				if !yield(blob.Object{Key: key, Size: aws.ToInt64(o.Size)}, nil) {
					return
				}
			}
			if aws.ToBool(page.IsTruncated) && !pages.HasMorePages() {
				yield(blob.Object{}, fmt.Errorf("s3blob: %s does not say how its list of generation %s goes on", s.config.url(), generation.Prefix()))
				return
			}
		}
	}
}

// Close closes idle connections.
func (s *Store) Close() error {
	s.transport.CloseIdleConnections()
	return nil
}
