package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss/credentials"

	"vodcurator/shared/video"
)

// bucket is the form for the cloud. Create-if-absent is OSS's
// x-oss-forbid-overwrite, which a bucket with versioning ignores.
//
// It holds the three calls it makes and not the client: a client in a field is
// kept by the linker with all its methods, deleting ones included.
type bucket struct {
	get  func(context.Context, *oss.GetObjectRequest, ...func(*oss.Options)) (*oss.GetObjectResult, error)
	put  func(context.Context, *oss.PutObjectRequest, ...func(*oss.Options)) (*oss.PutObjectResult, error)
	list func(context.Context, *oss.ListObjectsV2Request, ...func(*oss.Options)) (*oss.ListObjectsV2Result, error)

	options      Options // HTTP is set
	name, prefix string
}

// probe is the object by which a bucket shows that it refuses to overwrite. It
// has no other use and stays.
const probe = "probe"

// putAttempts is how often a put is tried; the SDK must not, see Create.
const putAttempts = 4

func openBucket(ctx context.Context, place string, o Options) (*bucket, error) {
	name, prefix, _ := strings.Cut(strings.TrimPrefix(place, "//"), "/")
	if prefix = strings.TrimSuffix(prefix, "/"); name == "" || prefix != "" && CheckKey(prefix) != nil {
		return nil, fmt.Errorf("%w: want oss://bucket/prefix", video.ErrInvalid)
	}
	if o.Region == "" || o.Credentials == nil {
		return nil, fmt.Errorf("%w: a bucket needs a region and credentials", video.ErrInvalid)
	}
	if prefix != "" {
		prefix += "/"
	}
	if o.HTTP == nil {
		o.HTTP = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 16, IdleConnTimeout: 60 * time.Second,
		}}
	}
	client := newClient(o)
	b := &bucket{
		get: client.GetObject, put: client.PutObject, list: client.ListObjectsV2,
		options: o, name: name, prefix: prefix,
	}
	if err := b.belongsTo(ctx, client.GetBucketInfo, o.Owner); err != nil {
		return nil, err
	}
	if o.ReadOnly {
		return b, nil
	}
	return b, b.refusesToOverwrite(ctx)
}

func newClient(o Options) *oss.Client {
	config := oss.LoadDefaultConfig().WithRegion(o.Region).WithHttpClient(o.HTTP).
		WithCredentialsProvider(credentials.CredentialsProviderFunc(func(ctx context.Context) (credentials.Credentials, error) {
			id, secret, token, err := o.Credentials(ctx)
			return credentials.Credentials{AccessKeyID: id, AccessKeySecret: secret, SecurityToken: token}, err
		}))
	if o.Endpoint != "" {
		config = config.WithEndpoint(o.Endpoint)
		if u, err := url.Parse(o.Endpoint); err == nil && (net.ParseIP(u.Hostname()) != nil || u.Hostname() == "localhost") {
			config = config.WithUsePathStyle(true) // a bucket's name in front of an address is no host
		}
	}
	return oss.NewClient(config)
}

// refusesToOverwrite creates the probe until it is refused; the second time at
// the latest it must be.
func (b *bucket) refusesToOverwrite(ctx context.Context) error {
	for range 2 {
		err := b.Create(ctx, probe, []byte("shows that this bucket refuses to overwrite\n"))
		if errors.Is(err, ErrExists) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: bucket %s overwrites objects although it was asked not to, as one with versioning does: nothing may be written there", video.ErrInvalid, b.name)
}

func (b *bucket) close() error {
	b.options.HTTP.CloseIdleConnections()
	return nil
}

func (b *bucket) Read(ctx context.Context, key string) ([]byte, error) {
	body, _, err := b.readNewer(ctx, key, "")
	return body, err
}

// readNewer leaves it to OSS to compare ETags.
func (b *bucket) readNewer(ctx context.Context, key, have string) (body []byte, version string, err error) {
	request := &oss.GetObjectRequest{Bucket: &b.name, Key: oss.Ptr(b.prefix + key)}
	if have != "" {
		request.IfNoneMatch = &have
	}
	answer, err := b.get(ctx, request)
	var e *oss.ServiceError
	if have != "" && errors.As(err, &e) && e.StatusCode == http.StatusNotModified {
		return nil, have, nil
	}
	if err != nil {
		return nil, "", b.kindOf(ctx, err)
	}
	body, err = io.ReadAll(answer.Body)
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		return nil, "", b.kindOf(ctx, err)
	}
	return body, oss.ToString(answer.ETag), nil
}

// Create puts an object that must not be there. A put that took effect although
// its answer was lost is refused when it is repeated: after an unclear answer a
// refusal is believed only if somebody else's body is there.
func (b *bucket) Create(ctx context.Context, key string, body []byte) error {
	unclear := false
	for attempt := 1; ; attempt++ {
		_, err := b.put(ctx, &oss.PutObjectRequest{
			Bucket: &b.name, Key: oss.Ptr(b.prefix + key), Body: bytes.NewReader(body), ForbidOverwrite: oss.Ptr("true"),
		}, func(o *oss.Options) { o.RetryMaxAttempts = oss.Ptr(1) })
		if err == nil {
			return nil
		}
		err = b.kindOf(ctx, err)
		switch {
		case errors.Is(err, ErrExists) && unclear:
			have, readErr := b.Read(ctx, key)
			if readErr != nil {
				return fmt.Errorf("%w: %w", video.ErrUnknownOutcome, readErr)
			}
			if bytes.Equal(have, body) {
				return nil
			}
			return err
		case !errors.Is(err, video.ErrTransient):
			return err
		case attempt == putAttempts:
			return fmt.Errorf("%w: %w", video.ErrUnknownOutcome, err)
		}
		unclear = true
		select {
		case <-time.After(100 * time.Millisecond << attempt):
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", video.ErrUnknownOutcome, ctx.Err())
		}
	}
}

// replace puts an object over another. To repeat it does no harm.
func (b *bucket) replace(ctx context.Context, key string, body []byte) error {
	_, err := b.put(ctx, &oss.PutObjectRequest{Bucket: &b.name, Key: oss.Ptr(b.prefix + key), Body: bytes.NewReader(body)})
	return b.kindOf(ctx, err)
}

func (b *bucket) List(ctx context.Context, prefix, after string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for last := after; ; {
			request := &oss.ListObjectsV2Request{Bucket: &b.name, Prefix: oss.Ptr(b.prefix + prefix), MaxKeys: 1000}
			if last != "" {
				request.StartAfter = oss.Ptr(b.prefix + last)
			}
			page, err := b.list(ctx, request)
			if err != nil {
				yield("", b.kindOf(ctx, err))
				return
			}
			for _, object := range page.Contents {
				last = strings.TrimPrefix(oss.ToString(object.Key), b.prefix)
				if last == probe || CheckKey(last) != nil {
					continue // not ours: the console makes "folders", for example
				}
				if !yield(last, nil) {
					return
				}
			}
			if !page.IsTruncated || len(page.Contents) == 0 {
				return
			}
		}
	}
}

func (b *bucket) remove(ctx context.Context, key string) error {
	_, err := newClient(b.options).DeleteObject(ctx, &oss.DeleteObjectRequest{Bucket: &b.name, Key: oss.Ptr(b.prefix + key)})
	return b.kindOf(ctx, err)
}

// kindOf gives an error one of our kinds, and of the service's words only the
// code: the rest repeats the request, credentials included.
func (b *bucket) kindOf(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var e *oss.ServiceError
	if !errors.As(err, &e) {
		var client *oss.ClientError
		if errors.As(err, &client) && client.Err != nil {
			err = client.Err
		}
		return fmt.Errorf("%w: %w", video.ErrTransient, err)
	}
	var kind error
	switch {
	case e.Code == "NoSuchBucket":
		kind = fmt.Errorf("%w: there is no bucket %s", video.ErrInvalid, b.name)
	case e.StatusCode == http.StatusNotFound:
		kind = video.ErrNotFound
	case e.Code == "FileAlreadyExists":
		kind = ErrExists
	case e.StatusCode == http.StatusForbidden, e.StatusCode == http.StatusUnauthorized:
		kind = video.ErrForbidden
	case e.StatusCode == http.StatusTooManyRequests:
		kind = fmt.Errorf("%w: %w", video.ErrThrottled, video.ErrTransient)
	case e.StatusCode >= http.StatusInternalServerError, e.StatusCode == http.StatusConflict: // others change it at this moment
		kind = video.ErrTransient
	default:
		kind = video.ErrInvalid
	}
	return fmt.Errorf("%w: OSS answers %d %s, request %s", kind, e.StatusCode, e.Code, e.RequestID)
}
