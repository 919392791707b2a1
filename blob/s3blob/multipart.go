package s3blob

import (
	"context"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"
)

// partsAtOnce is how many parts of one object are uploaded at the same time.
const partsAtOnce = 3

// abortWithin bounds the removal of what was uploaded in vain, which a context that has ended does
// not stop.
const abortWithin = 10 * time.Second

// putParts uploads an object in parts. It is not there before the last request was answered.
func (s *Store) putParts(ctx context.Context, name *string, body io.ReaderAt, size int64, conditional bool) (err error) {
	upload, err := s.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &s.config.Bucket, Key: name})
	if err != nil {
		return err
	}
	defer func() {
		if err == nil {
			return
		}
		// Ended by the error already. What cannot be removed is left to the lifecycle rule.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortWithin)
		defer cancel()
		s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &s.config.Bucket, Key: name, UploadId: upload.UploadId})
	}()
	partSize := max(s.config.PartSize, (size+maxParts-1)/maxParts)
	parts := make([]types.CompletedPart, (size+partSize-1)/partSize)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(partsAtOnce)
	for i := range parts {
		group.Go(func() error {
			if err := groupCtx.Err(); err != nil {
				return err
			}
			offset := int64(i) * partSize
			length := min(partSize, size-offset)
			octets := io.NewSectionReader(body, offset, length)
			withHash, err := signed(octets)
			if err != nil {
				return err
			}
			parts[i].PartNumber = aws.Int32(int32(i + 1))
			out, err := s.client.UploadPart(groupCtx, &s3.UploadPartInput{
				Bucket: &s.config.Bucket, Key: name, UploadId: upload.UploadId, PartNumber: parts[i].PartNumber,
				Body: octets, ContentLength: &length,
			}, withHash)
			if err == nil {
				parts[i].ETag = out.ETag
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	_, err = s.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &s.config.Bucket, Key: name, UploadId: upload.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}, IfNoneMatch: condition(conditional),
	})
	return err
}
