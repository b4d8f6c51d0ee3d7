package state

import (
	"context"
	"errors"
	"fmt"

	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"

	"vodcurator/shared/video"
)

// belongsTo refuses a bucket of another account: names are worldwide, so whoever creates
// one of our name first could read what is written there, and answer with plans,
// approvals and leases of his own. That a bucket's owner is told by the account's id is
// what OSS's documents show; it was never seen on a real account of several users.
func (b *bucket) belongsTo(ctx context.Context, info func(context.Context, *oss.GetBucketInfoRequest, ...func(*oss.Options)) (*oss.GetBucketInfoResult, error), owner string) error {
	if owner == "" {
		return nil
	}
	answer, err := info(ctx, &oss.GetBucketInfoRequest{Bucket: &b.name})
	switch err = b.kindOf(ctx, err); {
	case errors.Is(err, video.ErrForbidden):
		return fmt.Errorf("%w: whose bucket %s is cannot be asked: it is not of account %s, or the right oss:GetBucketInfo is missing", err, b.name, owner)
	case err != nil:
		return err
	case answer.BucketInfo.Owner == nil || answer.BucketInfo.Owner.ID == nil:
		return fmt.Errorf("%w: OSS does not tell whose bucket %s is, so nothing is read or written there", video.ErrInvalid, b.name)
	}
	if is := *answer.BucketInfo.Owner.ID; is != owner {
		return fmt.Errorf("%w: bucket %s belongs to account %s, not to %s: nothing is read or written there; name a bucket of your own in STATE", video.ErrForbidden, b.name, is, owner)
	}
	return nil
}
