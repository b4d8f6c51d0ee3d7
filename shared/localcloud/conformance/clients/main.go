// Command clients runs an official client in Go that nothing else here uses against the
// local cloud: the older SDK of OSS. It stands in a module of its own, so that nobody who
// builds the functions fetches it, and prints a line for each operation that held, as the
// scripts in JavaScript do. Run by make conformance.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/aliyun/aliyun-oss-go-sdk/oss"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "clients:", err)
		os.Exit(1)
	}
}

func run() error {
	for _, version := range []oss.AuthVersionType{oss.AuthV1, oss.AuthV4} {
		for name, more := range map[string][]oss.ClientOption{"": nil, " with additional headers": {oss.AdditionalHeaders([]string{"host", "user-agent"})}} {
			options := append(more, oss.AuthVersion(version), oss.Region("cn-shanghai"), oss.ForcePathStyle(true))
			client, err := oss.New(os.Getenv("OSS_ENDPOINT"), os.Getenv("ALIBABA_CLOUD_ACCESS_KEY_ID"), os.Getenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET"), options...)
			if err != nil {
				return err
			}
			what := string(version) + name
			if err := life(client, "older-sdk-"+strings.ReplaceAll(what, " ", "-"), what+": "); err != nil {
				return fmt.Errorf("%s: %w", what, err)
			}
		}
	}
	return nil
}

func row(name string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	fmt.Printf("ok\t%s\n", name)
	return nil
}

// life takes one bucket through its life.
func life(c *oss.Client, name, what string) error {
	if err := c.CreateBucket(name); err != nil {
		return err
	}
	there, err := c.IsBucketExist(name)
	if !there {
		err = errors.Join(err, errors.New("a bucket that is there is not found"))
	}
	if err := row(what+"bucket", err); err != nil {
		return err
	}
	b, err := c.Bucket(name)
	if err != nil {
		return err
	}
	for _, key := range []string{"plain", "a b", "a+b", "a&b", "a~b", "a*b", "a%b", "dir/標題"} {
		if err := row(what+"object "+key, object(b, key)); err != nil {
			return err
		}
	}
	if err := row(what+"multipart", multipart(b, name)); err != nil {
		return err
	}
	if err := refused(c, b, name, what); err != nil {
		return err
	}
	list, err := b.ListObjectsV2()
	if err != nil {
		return err
	}
	var keys []string
	for _, o := range list.Objects {
		keys = append(keys, o.Key)
	}
	_, err = b.DeleteObjects(keys)
	return row(what+"deletes", errors.Join(err, c.DeleteBucket(name)))
}

func read(b *oss.Bucket, key, want string) error {
	r, err := b.GetObject(key)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	got, err := io.ReadAll(r)
	if string(got) != want {
		err = errors.Join(err, fmt.Errorf("%q holds %q", key, got))
	}
	return err
}

func object(b *oss.Bucket, key string) error {
	if err := errors.Join(b.PutObject(key, strings.NewReader(key), oss.Meta("note", "n")), read(b, key, key)); err != nil {
		return err
	}
	if _, err := b.CopyObject(key, "copy of "+key); err != nil {
		return err
	}
	list, err := b.ListObjectsV2(oss.Prefix(key), oss.MaxKeys(1))
	if err != nil {
		return err
	}
	if len(list.Objects) != 1 || list.Objects[0].Key != key {
		return fmt.Errorf("the list by prefix holds %v", list.Objects)
	}
	address, err := b.SignURL(key, oss.HTTPGet, 60)
	if err != nil {
		return err
	}
	r, err := b.GetObjectWithURL(address)
	if err != nil {
		return err
	}
	return errors.Join(r.Close(), read(b, "copy of "+key, key), b.DeleteObject("copy of "+key))
}

func multipart(b *oss.Bucket, name string) error {
	start, err := b.InitiateMultipartUpload("big")
	if err != nil {
		return err
	}
	one, err := b.UploadPart(start, strings.NewReader(strings.Repeat("x", 120<<10)), 120<<10, 1)
	if err != nil {
		return err
	}
	two, err := b.UploadPartCopy(start, name, "plain", 0, 3, 2)
	if err != nil {
		return err
	}
	if parts, err := b.ListUploadedParts(start); err != nil || len(parts.UploadedParts) != 2 {
		return errors.Join(err, errors.New("two parts were uploaded"))
	}
	if _, err := b.CompleteMultipartUpload(start, []oss.UploadPart{one, two}); err != nil {
		return err
	}
	return read(b, "big", strings.Repeat("x", 120<<10)+"pla")
}

// refused calls what is not emulated: by its name, and with nothing done.
func refused(c *oss.Client, b *oss.Bucket, name, what string) error {
	for call, do := range map[string]func() error{
		"tagging":   func() error { return b.PutObjectTagging("plain", oss.Tagging{Tags: []oss.Tag{{Key: "a", Value: "b"}}}) },
		"tagging -": func() error { return b.DeleteObjectTagging("plain") },
		"acl":       func() error { return b.SetObjectACL("plain", oss.ACLPublicRead) },
		"symlink":   func() error { return b.PutSymlink("plain", "a b") },
		"append":    func() error { _, err := b.AppendObject("plain", strings.NewReader("x"), 0); return err },
		"restore":   func() error { return b.RestoreObject("plain") },
		"versions":  func() error { _, err := b.ListObjectVersions(); return err },
		"lifecycle": func() error { return c.DeleteBucketLifecycle(name) },
		"acl -":     func() error { return c.SetBucketACL(name, oss.ACLPublicRead) },
		"stat":      func() error { _, err := c.GetBucketStat(name); return err },
	} {
		var e oss.ServiceError
		if err := do(); !errors.As(err, &e) || e.Code != "NotImplemented" {
			return fmt.Errorf("%s: %w", call, errors.Join(err, errors.New("it must be refused as NotImplemented")))
		}
	}
	return row(what+"refused by name", read(b, "plain", "plain"))
}
