package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"

	"vodcurator/shared/video"
)

// Place is what holds a state, as it was found.
type Place struct {
	Owner     string // of the bucket, its account's id; empty for a folder
	Versioned bool   // the bucket keeps versions, or kept them: it then ignores create-if-absent
	Objects   int
	Bytes     int64
	More      bool // time was over before all were counted
	// Below has the same for each prefix of this package ("edits/"), and for "" what is the owner's.
	Below map[string]Amount
}

// Amount is how much lies somewhere.
type Amount struct {
	Objects int
	Bytes   int64
}

func (p *Place) count(key string, bytes int64) {
	p.Objects, p.Bytes = p.Objects+1, p.Bytes+bytes
	dir, _, _ := strings.Cut(key, "/")
	if dir += "/"; fit[dir] == nil {
		dir = ""
	}
	if p.Below == nil {
		p.Below = map[string]Amount{}
	}
	was := p.Below[dir]
	p.Below[dir] = Amount{was.Objects + 1, was.Bytes + bytes}
}

// Look reads what holds a state, and counts what lies there. It creates nothing; a place that
// is not there is video.ErrNotFound.
func Look(ctx context.Context, spec string, o Options) (Place, error) {
	var p Place
	var err error
	switch kind, rest, _ := strings.Cut(spec, ":"); kind {
	case "file":
		err = p.folder(ctx, strings.TrimPrefix(rest, "//"))
	case "oss":
		err = p.bucket(ctx, rest, o)
	default:
		err = fmt.Errorf("%w: want file:DIR or oss://bucket/prefix", video.ErrInvalid)
	}
	if err != nil {
		return p, fmt.Errorf("state %s: %w", spec, err)
	}
	return p, nil
}

func (p *Place) folder(ctx context.Context, dir string) error {
	err := filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return errors.Join(err, ctx.Err())
		}
		if info, err := entry.Info(); err == nil { // else it was removed since it was listed
			key, _ := filepath.Rel(dir, file) // one that has no name there is the owner's
			p.count(filepath.ToSlash(key), info.Size())
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: there is no folder %s", video.ErrNotFound, dir)
	}
	return err
}

func (p *Place) bucket(ctx context.Context, place string, o Options) error {
	o.ReadOnly, o.Owner = true, ""
	b, err := openBucket(ctx, place, o)
	if err != nil {
		return err
	}
	answer, err := newClient(b.options).GetBucketInfo(ctx, &oss.GetBucketInfoRequest{Bucket: &b.name})
	if err != nil {
		if err = b.kindOf(ctx, err); errors.Is(err, video.ErrInvalid) && strings.Contains(err.Error(), "there is no bucket") {
			return fmt.Errorf("%w: %w", video.ErrNotFound, err)
		}
		return err
	}
	info := answer.BucketInfo
	p.Versioned = oss.ToString(info.Versioning) != ""
	if info.Owner != nil {
		p.Owner = oss.ToString(info.Owner.ID)
	}
	for after := ""; ; {
		page, err := b.list(ctx, &oss.ListObjectsV2Request{Bucket: &b.name, Prefix: &b.prefix, MaxKeys: 1000, StartAfter: oss.Ptr(after)})
		if err != nil && ctx.Err() != nil && p.Objects > 0 {
			p.More = true
			return nil
		}
		if err != nil {
			return b.kindOf(ctx, err)
		}
		for _, object := range page.Contents {
			after = oss.ToString(object.Key)
			p.count(strings.TrimPrefix(after, b.prefix), object.Size)
		}
		if !page.IsTruncated || len(page.Contents) == 0 {
			return nil
		}
	}
}

// MakeBucket makes the private bucket of an oss:// state. One of that name is an error, whosever
// it is.
func MakeBucket(ctx context.Context, spec string, o Options) error {
	o.ReadOnly, o.Owner = true, ""
	b, err := openBucket(ctx, strings.TrimPrefix(spec, "oss:"), o)
	if err == nil {
		_, err = newClient(b.options).PutBucket(ctx, &oss.PutBucketRequest{Bucket: &b.name, Acl: oss.BucketACLPrivate})
		err = b.kindOf(ctx, err)
	}
	if err != nil {
		return fmt.Errorf("state %s: %w", spec, err)
	}
	return nil
}
