package s3blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
)

// signed reads a body for its SHA-256 and lets the signature have that, so that the server refuses a
// body that was damaged on its way. With TLS the library would leave it out, and trust in that; but
// what ends TLS need not be what stores.
func signed(body io.ReadSeeker) (func(*s3.Options), error) {
	hash := sha256.New()
	if _, err := io.Copy(hash, body); err != nil {
		return nil, err
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	sum := hex.EncodeToString(hash.Sum(nil))
	set := middleware.InitializeMiddlewareFunc("RestantePayloadHash", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		return next.HandleInitialize(v4.SetPayloadHash(ctx, sum), in)
	})
	return func(o *s3.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error { return stack.Initialize.Add(set, middleware.Before) })
	}, nil
}
