package conformance_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss/credentials"
	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
)

// testOSS calls what the object store has with the bare SDK, signed in both ways;
// the SDK's other operations are not emulated.
func testOSS(t *testing.T, d dossier) {
	c := localcloud.RunT(t, localcloud.Options{Faults: "none"})
	env := c.Env()
	client := func(version oss.SignatureVersionType, id, secret, token string) *oss.Client {
		return oss.NewClient(oss.LoadDefaultConfig().WithRegion("cn-shanghai").WithEndpoint(env["OSS_ENDPOINT"]).WithUsePathStyle(true).WithSignatureVersion(version).
			WithCredentialsProvider(credentials.NewStaticCredentialsProvider(id, secret, token)).WithRetryMaxAttempts(1))
	}
	of := reflect.TypeFor[*oss.Client]()
	for method := range of.Methods() {
		if k := method.Type; k.NumIn() == 4 && k.NumOut() == 2 && strings.HasSuffix(k.In(2).String(), method.Name+"Request") {
			d.announce("OSS", method.Name, "operation", "call", "")
		}
	}
	id, secret := env["ALIBABA_CLOUD_ACCESS_KEY_ID"], env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"]
	role := c.Keys.Mint("role", env["ALIBABA_CLOUD_ACCOUNT_ID"], time.Hour)
	for version, name := range map[oss.SignatureVersionType]string{oss.SignatureVersionV1: "V1", oss.SignatureVersionV4: "V4"} {
		for token, with := range map[string]*oss.Client{"": client(version, id, secret, ""), "-token": client(version, role.ID, role.Secret, role.Token)} {
			objects(t, d, with, "bucket-"+strings.ToLower(name)+token)
			d.pass("OSS", everyCall, "parameter", "signature "+name+token)
		}
		_, err := client(version, id, "wrong", "").GetBucketInfo(t.Context(), &oss.GetBucketInfoRequest{Bucket: oss.Ptr("bucket-v1")})
		ossRefused(t, d, err, "403 SignatureDoesNotMatch")
	}
	_, err := client(oss.SignatureVersionV4, "nobody", "x", "").ListBuckets(t.Context(), &oss.ListBucketsRequest{})
	ossRefused(t, d, err, "403 InvalidAccessKeyId")
	for _, lacks := range []string{"server-side encryption", "object ACL", "storage class of an object", "Callback", "image processing", "symbolic links"} {
		d.announce("OSS", everyCall, "parameter", lacks, "")
	}
}

func ossRefused(t *testing.T, d dossier, err error, want string) {
	t.Helper()
	var e *oss.ServiceError
	require.ErrorAs(t, err, &e)
	require.Equal(t, want, fmt.Sprint(e.StatusCode, " ", e.Code))
	d.pass("OSS", everyCall, "error", e.Code)
}

// objects takes one bucket through its life.
func objects(t *testing.T, d dossier, c *oss.Client, bucket string) {
	ctx := t.Context()
	done := func(op string, err error) {
		t.Helper()
		require.NoError(t, err, op)
		d.pass("OSS", op, "operation", "call")
	}
	effect := func(op string, names ...string) {
		for _, name := range names {
			d.pass("OSS", op, "parameter", name)
		}
	}
	b := oss.Ptr(bucket)
	_, err := c.PutBucket(ctx, &oss.PutBucketRequest{Bucket: b})
	done("PutBucket", err)
	info, err := c.GetBucketInfo(ctx, &oss.GetBucketInfoRequest{Bucket: b})
	done("GetBucketInfo", err)
	require.Equal(t, bucket, *info.BucketInfo.Name)
	_, err = c.GetBucketLocation(ctx, &oss.GetBucketLocationRequest{Bucket: b})
	done("GetBucketLocation", err)
	_, err = c.GetBucketVersioning(ctx, &oss.GetBucketVersioningRequest{Bucket: b})
	done("GetBucketVersioning", err)
	list, err := c.ListBuckets(ctx, &oss.ListBucketsRequest{Prefix: b, MaxKeys: 1})
	done("ListBuckets", err)
	require.Equal(t, bucket, *list.Buckets[0].Name)
	effect("ListBuckets", "prefix", "max-keys")
	there, err := c.IsBucketExist(ctx, bucket)
	require.NoError(t, err)
	require.True(t, there)

	key := "a/with space+&/標題.txt"
	put, err := c.PutObject(ctx, &oss.PutObjectRequest{Bucket: b, Key: oss.Ptr(key), Body: strings.NewReader("hello"), Metadata: map[string]string{"note": "kept"}, ContentType: oss.Ptr("text/plain")})
	done("PutObject", err)
	read := func(r *oss.GetObjectRequest) string {
		got, err := c.GetObject(ctx, r)
		done("GetObject", err)
		raw, err := io.ReadAll(got.Body)
		require.NoError(t, errors.Join(err, got.Body.Close()))
		return string(raw)
	}
	require.Equal(t, "hello", read(&oss.GetObjectRequest{Bucket: b, Key: oss.Ptr(key)}))
	require.Equal(t, "el", read(&oss.GetObjectRequest{Bucket: b, Key: oss.Ptr(key), Range: oss.Ptr("bytes=1-2")}))
	require.Equal(t, "hello", read(&oss.GetObjectRequest{Bucket: b, Key: oss.Ptr(key), IfMatch: put.ETag}))
	_, err = c.GetObject(ctx, &oss.GetObjectRequest{Bucket: b, Key: oss.Ptr(key), IfMatch: oss.Ptr(`"other"`)})
	ossRefused(t, d, err, "412 PreconditionFailed")
	effect("GetObject", "Range", "If-Match")
	head, err := c.HeadObject(ctx, &oss.HeadObjectRequest{Bucket: b, Key: oss.Ptr(key)})
	done("HeadObject", err)
	require.Equal(t, []any{int64(5), "kept", "text/plain"}, []any{head.ContentLength, head.Metadata["note"], *head.ContentType})
	effect("PutObject", "x-oss-meta-*", "Content-Type")
	_, err = c.GetObjectMeta(ctx, &oss.GetObjectMetaRequest{Bucket: b, Key: oss.Ptr(key)})
	done("GetObjectMeta", err)
	_, err = c.PutObject(ctx, &oss.PutObjectRequest{Bucket: b, Key: oss.Ptr(key), Body: strings.NewReader("x"), ForbidOverwrite: oss.Ptr("true")})
	ossRefused(t, d, err, "409 FileAlreadyExists")
	effect("PutObject", "x-oss-forbid-overwrite")
	_, err = c.PutObject(ctx, &oss.PutObjectRequest{Bucket: b, Key: oss.Ptr(strings.Repeat("k", 1024)), Body: strings.NewReader("x")})
	ossRefused(t, d, err, "400 InvalidObjectName")
	d.pass("OSS", "PutObject", "limit", "name ≤ 1,023 bytes")
	_, err = c.CopyObject(ctx, &oss.CopyObjectRequest{Bucket: b, Key: oss.Ptr("a/copy"), SourceKey: oss.Ptr(key)})
	done("CopyObject", err)

	v2, err := c.ListObjectsV2(ctx, &oss.ListObjectsV2Request{Bucket: b, Prefix: oss.Ptr("a/"), Delimiter: oss.Ptr("/"), MaxKeys: 1})
	done("ListObjectsV2", err)
	require.Len(t, v2.Contents, 1)
	v2, err = c.ListObjectsV2(ctx, &oss.ListObjectsV2Request{Bucket: b, Prefix: oss.Ptr("a/"), Delimiter: oss.Ptr("/"), ContinuationToken: v2.NextContinuationToken})
	require.NoError(t, err)
	require.Equal(t, "a/with space+&/", *v2.CommonPrefixes[0].Prefix)
	v2, err = c.ListObjectsV2(ctx, &oss.ListObjectsV2Request{Bucket: b, StartAfter: oss.Ptr("a/copy")})
	require.NoError(t, err)
	require.Equal(t, key, *v2.Contents[0].Key)
	effect("ListObjectsV2", "prefix", "delimiter", "max-keys", "continuation-token", "start-after")
	_, err = c.ListObjectsV2(ctx, &oss.ListObjectsV2Request{Bucket: b, MaxKeys: 1001})
	ossRefused(t, d, err, "400 InvalidArgument")
	d.pass("OSS", "ListObjectsV2", "limit", "max-keys ≤ 1,000")
	v1, err := c.ListObjects(ctx, &oss.ListObjectsRequest{Bucket: b, Marker: oss.Ptr("a/copy")})
	done("ListObjects", err)
	require.Len(t, v1.Contents, 1)
	effect("ListObjects", "marker")

	start, err := c.InitiateMultipartUpload(ctx, &oss.InitiateMultipartUploadRequest{Bucket: b, Key: oss.Ptr("big")})
	done("InitiateMultipartUpload", err)
	part, err := c.UploadPart(ctx, &oss.UploadPartRequest{Bucket: b, Key: oss.Ptr("big"), UploadId: start.UploadId, PartNumber: 1, Body: strings.NewReader(strings.Repeat("x", 100<<10))})
	done("UploadPart", err)
	parts, err := c.ListParts(ctx, &oss.ListPartsRequest{Bucket: b, Key: oss.Ptr("big"), UploadId: start.UploadId})
	done("ListParts", err)
	require.Len(t, parts.Parts, 1)
	uploads, err := c.ListMultipartUploads(ctx, &oss.ListMultipartUploadsRequest{Bucket: b})
	done("ListMultipartUploads", err)
	require.Len(t, uploads.Uploads, 1)
	copied, err := c.UploadPartCopy(ctx, &oss.UploadPartCopyRequest{Bucket: b, Key: oss.Ptr("big"), UploadId: start.UploadId, PartNumber: 2, SourceKey: oss.Ptr(key), Range: oss.Ptr("bytes=1-2")})
	done("UploadPartCopy", err)
	require.NotEmpty(t, copied.ETag)
	complete := func(etag *string) error {
		_, err := c.CompleteMultipartUpload(ctx, &oss.CompleteMultipartUploadRequest{Bucket: b, Key: oss.Ptr("big"), UploadId: start.UploadId,
			CompleteMultipartUpload: &oss.CompleteMultipartUpload{Parts: []oss.UploadPart{{PartNumber: 1, ETag: etag}}}})
		return err
	}
	ossRefused(t, d, complete(oss.Ptr("none")), "400 InvalidPart")
	done("CompleteMultipartUpload", complete(part.ETag))
	other, err := c.InitiateMultipartUpload(ctx, &oss.InitiateMultipartUploadRequest{Bucket: b, Key: oss.Ptr("gone")})
	require.NoError(t, err)
	abort := &oss.AbortMultipartUploadRequest{Bucket: b, Key: oss.Ptr("gone"), UploadId: other.UploadId}
	_, err = c.AbortMultipartUpload(ctx, abort)
	done("AbortMultipartUpload", err)
	_, err = c.AbortMultipartUpload(ctx, abort)
	ossRefused(t, d, err, "404 NoSuchUpload")
	presigned(t, d, c, b)
	refusedByName(t, d, c, b, &key)
	require.Equal(t, "hello", read(&oss.GetObjectRequest{Bucket: b, Key: oss.Ptr(key)}), "as it was")

	_, err = c.DeleteBucket(ctx, &oss.DeleteBucketRequest{Bucket: b})
	ossRefused(t, d, err, "409 BucketNotEmpty")
	_, err = c.DeleteMultipleObjects(ctx, &oss.DeleteMultipleObjectsRequest{Bucket: b, Objects: []oss.DeleteObject{{Key: oss.Ptr(key)}, {Key: oss.Ptr("big")}}})
	done("DeleteMultipleObjects", err)
	_, err = c.DeleteObject(ctx, &oss.DeleteObjectRequest{Bucket: b, Key: oss.Ptr("a/copy")})
	done("DeleteObject", err)
	_, err = c.GetObject(ctx, &oss.GetObjectRequest{Bucket: b, Key: oss.Ptr(key)})
	ossRefused(t, d, err, "404 NoSuchKey")
	_, err = c.DeleteBucket(ctx, &oss.DeleteBucketRequest{Bucket: b})
	done("DeleteBucket", err)
	_, err = c.GetObject(ctx, &oss.GetObjectRequest{Bucket: b, Key: oss.Ptr(key)})
	ossRefused(t, d, err, "404 NoSuchBucket")
}

// refusedByName calls what is not emulated: it must never become another operation.
func refusedByName(t *testing.T, d dossier, c *oss.Client, b, key *string) {
	ctx := t.Context()
	tagging := &oss.Tagging{TagSet: &oss.TagSet{Tags: []oss.Tag{{Key: oss.Ptr("a"), Value: oss.Ptr("b")}}}}
	for name, call := range map[string]func() error{
		"tagging": func() error {
			_, err := c.PutObjectTagging(ctx, &oss.PutObjectTaggingRequest{Bucket: b, Key: key, Tagging: tagging})
			return err
		},
		"tagging ": func() error {
			_, err := c.DeleteObjectTagging(ctx, &oss.DeleteObjectTaggingRequest{Bucket: b, Key: key})
			return err
		},
		"acl": func() error {
			_, err := c.PutObjectAcl(ctx, &oss.PutObjectAclRequest{Bucket: b, Key: key, Acl: oss.ObjectACLPublicRead})
			return err
		},
		"symlink": func() error {
			_, err := c.PutSymlink(ctx, &oss.PutSymlinkRequest{Bucket: b, Key: key, Target: oss.Ptr("big")})
			return err
		},
		"append": func() error {
			_, err := c.AppendObject(ctx, &oss.AppendObjectRequest{Bucket: b, Key: key, Position: oss.Ptr(int64(0)), Body: strings.NewReader("x")})
			return err
		},
		"restore": func() error {
			_, err := c.RestoreObject(ctx, &oss.RestoreObjectRequest{Bucket: b, Key: key})
			return err
		},
		"lifecycle": func() error {
			_, err := c.DeleteBucketLifecycle(ctx, &oss.DeleteBucketLifecycleRequest{Bucket: b})
			return err
		},
		"acl ": func() error { _, err := c.GetBucketAcl(ctx, &oss.GetBucketAclRequest{Bucket: b}); return err },
		"stat": func() error { _, err := c.GetBucketStat(ctx, &oss.GetBucketStatRequest{Bucket: b}); return err },
	} {
		err := call()
		require.ErrorContains(t, err, "not implemented: ", name)
		ossRefused(t, d, err, "501 NotImplemented")
		d.pass("OSS", everyCall, "form", "refused by name: ?"+name)
	}
}

func presigned(t *testing.T, d dossier, c *oss.Client, b *string) {
	ctx := t.Context()
	signed, err := c.Presign(ctx, &oss.HeadObjectRequest{Bucket: b, Key: oss.Ptr("big")}, oss.PresignExpires(time.Minute))
	require.NoError(t, err)
	require.NotEmpty(t, signed.URL)
	d.announce("OSS", everyCall, "parameter", "signature in the query", "")
	if answer := head(t, signed.URL); answer == 200 {
		d.pass("OSS", everyCall, "parameter", "signature in the query")
	}
}

func head(t *testing.T, url string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, url, nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}
