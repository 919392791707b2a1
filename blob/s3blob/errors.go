package s3blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// errorCode returns what S3 calls an error, "" when the server has not answered.
func errorCode(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// answer returns what the server has answered with an error, nil when it has not.
func answer(err error) *http.Response {
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) && response.HTTPStatusCode() != 0 {
		return response.Response.Response
	}
	return nil
}

func isNotImplemented(err error) bool {
	response := answer(err)
	return response != nil && response.StatusCode == http.StatusNotImplemented
}

// failed is the error of a request, in words that say what to do where that is known.
func (s *Store) failed(err error, format string, args ...any) error {
	what := fmt.Sprintf(format, args...)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("s3blob: %s: %w", what, err)
	}
	if hint := s.hint(err); hint != "" {
		return fmt.Errorf("s3blob: %s: %s: %w", what, hint, err)
	}
	return fmt.Errorf("s3blob: %s: %w", what, err)
}

// hint says in words what is wrong and what helps.
func (s *Store) hint(err error) string {
	c := &s.config
	response := answer(err)
	if response == nil {
		var send *smithyhttp.RequestSendError
		if !errors.As(err, &send) {
			return ""
		}
		if op := (*net.OpError)(nil); errors.As(err, &op) && op.Op != "dial" || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Sprintf("the connection to %s has ended, or nothing has moved on it for %v", c.url(), c.Silence)
		}
		return fmt.Sprintf("%s cannot be reached: is the address right, is the server running, may this machine connect to it?", c.url())
	}
	switch errorCode(err) {
	case "NoSuchBucket":
		return fmt.Sprintf("there is no bucket %s at %s: is the name right? To make it: aws --endpoint-url %s s3 mb s3://%s", c.Bucket, c.url(), c.url(), c.Bucket)
	case "InvalidAccessKeyId":
		return fmt.Sprintf("%s does not know the access key %.8q…: look at %s or the file that the configuration names", c.url(), c.AccessKey, accessKeyEnv)
	case "SignatureDoesNotMatch":
		return fmt.Sprintf("the secret key is not that of access key %.8q…: look at %s or the file that the configuration names", c.AccessKey, secretKeyEnv)
	case "ExpiredToken", "InvalidToken":
		return fmt.Sprintf("the temporary credentials are not valid, or not any more: look at %s", sessionTokenEnv)
	case "AccessDenied", "AllAccessDisabled":
		return fmt.Sprintf("access key %.8q… may not do this in bucket %s: it needs s3:GetObject, s3:PutObject, s3:DeleteObject, s3:ListBucket and s3:AbortMultipartUpload", c.AccessKey, c.Bucket)
	case "RequestTimeTooSkewed":
		return "the clock of this machine is wrong, or the server's" + skew(response) + ": set it by NTP"
	case "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException":
		return fmt.Sprintf("bucket %s is in another region than %s: name it with region= in the URL", c.Bucket, c.Region)
	}
	switch response.StatusCode {
	case http.StatusForbidden:
		return fmt.Sprintf("%s refuses the credentials: look at %s and %s or the files that the configuration names", c.url(), accessKeyEnv, secretKeyEnv)
	case http.StatusServiceUnavailable, http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
		return fmt.Sprintf("%s is overloaded or broken at the moment", c.url())
	}
	return ""
}

// skew tells how far the clocks are apart, when the server says what time it has.
func skew(response *http.Response) string {
	date, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return ""
	}
	return fmt.Sprintf(": they are %v apart", time.Until(date).Abs().Round(time.Second))
}

// Check lists one key, which shows that the server is there, knows us and has the bucket. It writes
// nothing: that the keys allow no writing shows with the first Put.
func (s *Store) Check(ctx context.Context) error {
	_, err := s.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &s.config.Bucket, Prefix: &s.config.Prefix, MaxKeys: aws.Int32(1)})
	if err != nil {
		return s.failed(err, "checking bucket %s", s.config.Bucket)
	}
	return nil
}
