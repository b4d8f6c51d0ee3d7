package vod

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	api "github.com/aliyun/alibaba-cloud-sdk-go/services/vod"

	"vodcurator/shared/video"
)

// SetStorageClass asks for another storage class of whole media, or of their
// source files alone (UpdateMediaStorageClass). The change takes its time; Done
// means that it is under way. It is not repeated when its outcome is unknown,
// since moving a media early costs the rest of its minimum storage time: early
// lets it happen all the same (AllowUpdateWithoutTimeLimit).
func (c *Client) SetStorageClass(ctx context.Context, ids []video.ID, class string, sourceOnly, early bool) ([]video.Outcome, error) {
	if err := oneOf("storage class", class, video.StorageClasses...); err != nil {
		return nil, err
	}
	return c.storage(ctx, ids, func(ctx context.Context, ids string) (storageAnswer, error) {
		req := api.CreateUpdateMediaStorageClassRequest()
		req.MediaIds, req.StorageClass, req.Scope = ids, class, scope(sourceOnly)
		if early {
			req.AllowUpdateWithoutTimeLimit = requests.NewBoolean(true)
		}
		answer := api.CreateUpdateMediaStorageClassResponse()
		err := c.ask(ctx, req, answer)
		if err != nil {
			return storageAnswer{}, err
		}
		return storageAnswer{answer.Status != "Failed", answer.IgnoredList.MediaId, answer.ForbiddenList.MediaForbiddenReasonDTO}, nil
	})
}

// Restore makes archived media readable for some days (RestoreMedia), 7 at most
// for Archive and 365 for ColdArchive. It takes its time, like SetStorageClass.
func (c *Client) Restore(ctx context.Context, ids []video.ID, days int, sourceOnly bool) ([]video.Outcome, error) {
	if days < 1 || days > 365 {
		return nil, fmt.Errorf("%w: days: %d is not 1 to 365", video.ErrInvalid, days)
	}
	return c.storage(ctx, ids, func(ctx context.Context, ids string) (storageAnswer, error) {
		req := api.CreateRestoreMediaRequest()
		req.MediaIds, req.RestoreDays, req.Scope = ids, strconv.Itoa(days), scope(sourceOnly)
		answer := api.CreateRestoreMediaResponse()
		err := c.ask(ctx, req, answer)
		if err != nil {
			return storageAnswer{}, err
		}
		return storageAnswer{answer.Success, answer.IgnoredList.MediaId, answer.ForbiddenList.MediaForbiddenReasonDTO}, nil
	})
}

type storageAnswer struct {
	done      bool
	ignored   []string
	forbidden []api.MediaForbiddenReasonDTO
}

var (
	errIgnored = errors.New("it is so already, or it does not apply to this asset")
	errFailed  = fmt.Errorf("%w: VOD says that it failed", video.ErrTransient)
)

func (c *Client) storage(ctx context.Context, ids []video.ID, send func(context.Context, string) (storageAnswer, error)) ([]video.Outcome, error) {
	all, err := inBatches(ctx, sendable(ids), func(ctx context.Context, ids []video.ID) (verdicts[video.ID, struct{}], error) {
		answer, err := send(ctx, join(ids))
		if err != nil {
			return missing[video.ID, struct{}](ids, err)
		}
		all := done(ids)
		if !answer.done {
			for _, id := range ids {
				all[id] = verdict[struct{}]{err: errFailed}
			}
		}
		mark(all, answer.ignored, errIgnored)
		for _, f := range answer.forbidden {
			kind := video.ErrForbidden // which values a reason has is not documented
			if strings.Contains(f.Reason, "NotFound") || strings.Contains(f.Reason, "NotExist") {
				kind = video.ErrNotFound
			}
			all[video.ID(f.MediaId)] = verdict[struct{}]{err: fmt.Errorf("%w: %s", kind, f.Reason)}
		}
		return all, nil
	})
	out := outcomes(ids, "", all)
	for i := range out {
		if errors.Is(out[i].Err, errIgnored) {
			out[i] = video.Outcome{ID: out[i].ID, Result: video.Unchanged, Reason: errIgnored.Error()}
		}
	}
	return out, err
}

func scope(sourceOnly bool) string {
	if sourceOnly {
		return "SourceFile"
	}
	return "All"
}

func oneOf(field, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%w: %s: %q is not one of %v", video.ErrInvalid, field, value, allowed)
}
