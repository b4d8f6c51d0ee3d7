package fakeoss

import (
	"cmp"
	"crypto/md5" //nolint:gosec // an ETag is one
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"vodcurator/shared/localcloud/fakeram"
)

const (
	maxObject  = 5 << 30
	minPart    = 100 << 10
	maxParts   = 10_000
	maxKey     = 1023
	stampMilli = "2006-01-02T15:04:05.000Z"
)

var (
	bucketName   = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$`)
	noSuchKey    = refuse(404, "NoSuchKey", "The specified key does not exist.")
	noSuchBucket = refuse(404, "NoSuchBucket", "The specified bucket does not exist.")
	noSuchUpload = refuse(404, "NoSuchUpload", "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.")
	malformed    = refuse(400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema.")
	exists       = refuse(409, "FileAlreadyExists", "The object you specified already exists and can not be overwritten.")
	internal     = refuse(500, "InternalError", "We encountered an internal error. Please try again.")
)

// upload is one multipart upload that was begun.
type upload struct {
	Bucket, Key, ContentType string
	Meta                     map[string]string `json:",omitempty"`
	Forbid                   bool
	Begun                    time.Time

	parts map[int]part
}

type part struct {
	data []byte
	etag string
	at   time.Time
}

func (s *Server) allowed(k fakeram.Key, action, bucket, key string) bool {
	resource := fmt.Sprintf("acs:oss:oss-%s:%s:%s", s.opt.Region, k.Account, bucket)
	if key != "" {
		resource += "/" + key
	}
	return s.opt.Keys.Allowed(k.ID, "oss:"+action, resource)
}

var denied = refuse(403, "AccessDenied", "You have no right to access this object.")

func (s *Server) handle(r *http.Request, t target, k fakeram.Key) (*answer, *fault) {
	if t.unknown != "" {
		return nil, notImplemented(r, t.unknown)
	}
	if t.row.run == nil {
		if r.Method == http.MethodPost || r.Method == http.MethodOptions {
			return nil, notImplemented(r, r.Method+" of a form or by another site") // PostObject, cross-origin checks
		}
		return nil, refuse(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
	}
	if t.op != "DeleteMultipleObjects" && !s.allowed(k, cmp.Or(t.row.right, t.op), t.bucket, t.key) {
		return nil, denied
	}
	if t.bucket != "" && !bucketName.MatchString(t.bucket) {
		return nil, refuse(400, "InvalidBucketName", "The specified bucket is not valid.")
	}
	if !validKey(t.key) {
		return nil, refuse(400, "InvalidObjectName", "The specified object is not valid.")
	}
	return t.row.run(s, r, t, k)
}

func validKey(key string) bool {
	return len(key) <= maxKey && utf8.ValidString(key) && !strings.HasPrefix(key, "/") && !strings.HasPrefix(key, `\`)
}

// aboutBucket runs what only reads a bucket that is there, under s.mu.
func aboutBucket(read func(s *Server, t target, b *bucket, k fakeram.Key) (*answer, *fault)) func(*Server, *http.Request, target, fakeram.Key) (*answer, *fault) {
	return func(s *Server, _ *http.Request, t target, k fakeram.Key) (*answer, *fault) {
		s.mu.RLock()
		defer s.mu.RUnlock()
		b := s.buckets[t.bucket]
		if b == nil {
			return nil, noSuchBucket
		}
		return read(s, t, b, k)
	}
}

func putBucket(s *Server, r *http.Request, t target, _ fakeram.Key) (*answer, *fault) {
	body, refused := read(r, 1<<16)
	if refused != nil {
		return nil, refused
	}
	var in struct {
		XMLName                          xml.Name `xml:"CreateBucketConfiguration"`
		StorageClass, DataRedundancyType string
		LocationConstraint               string
	}
	if len(body) > 0 {
		if err := xml.Unmarshal(body, &in); err != nil {
			return nil, malformed
		}
	}
	for value, plain := range map[string]string{in.StorageClass: "Standard", in.DataRedundancyType: "LRS"} {
		if value != "" && value != plain {
			return nil, notImplemented(r, value)
		}
	}
	if err := s.CreateBucket(t.bucket, false); err != nil {
		return nil, internal
	}
	return &answer{status: 200}, nil
}

func deleteBucket(s *Server, _ *http.Request, t target, _ fakeram.Key) (*answer, *fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[t.bucket]
	if b == nil {
		return nil, noSuchBucket
	}
	if len(b.keys) > 0 {
		return nil, refuse(409, "BucketNotEmpty", "The bucket you tried to delete is not empty.")
	}
	delete(s.buckets, t.bucket)
	maps.DeleteFunc(s.uploads, func(_ string, u *upload) bool { return u.Bucket == t.bucket })
	return &answer{status: 204}, s.removeBucketDir(t.bucket)
}

func bucketInfo(s *Server, t target, b *bucket, k fakeram.Key) (*answer, *fault) {
	region := "oss-" + s.opt.Region
	type info struct {
		XMLName xml.Name `xml:"BucketInfo"`
		Bucket  struct {
			Name, Location, CreationDate, StorageClass, ExtranetEndpoint, IntranetEndpoint string
			Versioning                                                                     string                           `xml:",omitempty"`
			Owner                                                                          struct{ ID, DisplayName string } `xml:"Owner"`
			AccessControlList                                                              struct{ Grant string }           `xml:"AccessControlList"`
		}
	}
	var out info
	out.Bucket.Name, out.Bucket.Location, out.Bucket.CreationDate = t.bucket, region, b.Created.UTC().Format(stampMilli)
	out.Bucket.StorageClass, out.Bucket.AccessControlList.Grant = "Standard", "private"
	out.Bucket.ExtranetEndpoint, out.Bucket.IntranetEndpoint = region+".aliyuncs.com", region+"-internal.aliyuncs.com"
	owner := cmp.Or(s.opt.Owners[t.bucket], k.Account)
	out.Bucket.Owner.ID, out.Bucket.Owner.DisplayName = owner, owner
	if b.Versioned {
		out.Bucket.Versioning = "Enabled"
	}
	return &answer{status: 200, xml: out}, nil
}

func bucketLocation(s *Server, _ target, _ *bucket, _ fakeram.Key) (*answer, *fault) {
	return &answer{status: 200, xml: struct {
		XMLName xml.Name `xml:"LocationConstraint"`
		Value   string   `xml:",chardata"`
	}{Value: "oss-" + s.opt.Region}}, nil
}

type versioning struct {
	XMLName xml.Name `xml:"VersioningConfiguration"`
	Status  string   `xml:",omitempty"`
}

func getVersioning(_ *Server, _ target, b *bucket, _ fakeram.Key) (*answer, *fault) {
	out := versioning{}
	if b.Versioned {
		out.Status = "Enabled"
	}
	return &answer{status: 200, xml: out}, nil
}

func putVersioning(s *Server, r *http.Request, t target, _ fakeram.Key) (*answer, *fault) {
	body, refused := read(r, 1<<16)
	if refused != nil {
		return nil, refused
	}
	var in versioning
	if err := xml.Unmarshal(body, &in); err != nil || in.Status != "Enabled" && in.Status != "Suspended" {
		return nil, malformed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[t.bucket]
	if b == nil {
		return nil, noSuchBucket
	}
	b.Versioned = in.Status == "Enabled"
	if err := s.saveBucket(t.bucket, b); err != nil {
		return nil, internal
	}
	return &answer{status: 200}, nil
}

// count reads how many entries a list may have; absent means otherwise.
func (t target) count(name string, otherwise int) (int, *fault) {
	text := t.query.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 1000 {
		return 0, refuse(400, "InvalidArgument", "Argument "+name+" must be an integer between 1 and 1000.")
	}
	return n, nil
}

func listBuckets(s *Server, _ *http.Request, t target, k fakeram.Key) (*answer, *fault) {
	type entry struct{ Name, CreationDate, Location, StorageClass, Region string }
	var out struct {
		XMLName                    xml.Name `xml:"ListAllMyBucketsResult"`
		Prefix, Marker, NextMarker string   `xml:",omitempty"`
		MaxKeys                    int      `xml:",omitempty"`
		IsTruncated                bool
		Owner                      struct{ ID, DisplayName string } `xml:"Owner"`
		Buckets                    []entry                          `xml:"Buckets>Bucket"`
	}
	most, refused := t.count("max-keys", 100)
	if refused != nil {
		return nil, refused
	}
	out.Owner.ID, out.Owner.DisplayName = k.Account, k.Account
	out.Prefix, out.Marker = t.query.Get("prefix"), t.query.Get("marker")
	s.mu.RLock()
	defer s.mu.RUnlock()
	for name, b := range s.buckets {
		if strings.HasPrefix(name, out.Prefix) && name > out.Marker {
			out.Buckets = append(out.Buckets, entry{name, b.Created.UTC().Format(stampMilli), "oss-" + s.opt.Region, "Standard", s.opt.Region})
		}
	}
	slices.SortFunc(out.Buckets, func(a, b entry) int { return strings.Compare(a.Name, b.Name) })
	if len(out.Buckets) > most {
		out.Buckets, out.IsTruncated, out.MaxKeys = out.Buckets[:most], true, most
		out.NextMarker = out.Buckets[most-1].Name
	}
	return &answer{status: 200, xml: out}, nil
}

// unmet says whether a condition on an object does not hold: 412, or 304 for a read.
func unmet(o *Object, match, since string) bool {
	if match != "" && strings.Trim(match, `"`) != o.ETag {
		return true
	}
	at, err := http.ParseTime(since)
	return err == nil && o.Modified.After(at)
}

var (
	preconditionFailed = refuse(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold.")
	notModified        = refuse(304, "NotModified", "Not Modified")
)

func getObject(s *Server, r *http.Request, t target, _ fakeram.Key) (*answer, *fault) {
	o, body, refused := s.take(t.bucket, t.key)
	if refused != nil {
		return nil, refused
	}
	if unmet(o, r.Header.Get("If-Match"), r.Header.Get("If-Unmodified-Since")) {
		_ = body.Close()
		return nil, preconditionFailed
	}
	a := &answer{status: 200, object: o, body: body, header: map[string]string{}}
	for name := range t.query {
		if header, ok := strings.CutPrefix(name, "response-"); ok {
			a.header[header] = t.query.Get(name)
		}
	}
	return a, nil
}

func deleteObject(s *Server, _ *http.Request, t target, _ fakeram.Key) (*answer, *fault) {
	if refused := s.drop(t.bucket, t.key); refused != nil {
		return nil, refused
	}
	return &answer{status: 204}, nil
}

// take finds an object and opens it in one step: a put that replaces it meanwhile cannot
// mix two versions.
func (s *Server) take(bucket, key string) (*Object, io.ReadSeekCloser, *fault) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b := s.buckets[bucket]
	if b == nil {
		return nil, nil, noSuchBucket
	}
	o := b.objects[key]
	if o == nil {
		return nil, nil, noSuchKey
	}
	body, err := o.open()
	if err != nil {
		return nil, nil, internal
	}
	return o, body, nil
}

func (s *Server) drop(bucket, key string) *fault {
	b, refused := s.forget(bucket, key)
	if refused == nil && s.settle(bucket, b) != nil {
		return internal
	}
	return refused
}

// forget removes an object, from the disk too but for the sync.
func (s *Server) forget(bucket, key string) (*bucket, *fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[bucket]
	if b == nil {
		return nil, noSuchBucket
	}
	if o := b.objects[key]; o != nil && o.path != "" {
		if err := os.Remove(o.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, internal
		}
		b.changes.Add(1)
	}
	b.remove(key)
	return b, nil
}

// commit stores bytes as an object, and refuses to replace one if told to. What it
// answers is on the disk, where there is one.
func (s *Server) commit(bucket, key string, data []byte, o Object, forbid bool) (*Object, *fault) {
	sum := md5.Sum(data) //nolint:gosec // as above
	o.Key, o.Size, o.CRC64, o.Modified = key, int64(len(data)), crc64.Checksum(data, ecma), s.opt.Now().UTC().Truncate(time.Second)
	if o.ETag == "" {
		o.ETag = strings.ToUpper(hex.EncodeToString(sum[:]))
	}
	if o.ContentType == "" {
		o.ContentType = "application/octet-stream"
	}
	tmp := ""
	if s.opt.Dir == "" {
		o.data = data
	} else {
		if !s.has(bucket) {
			return nil, noSuchBucket
		}
		var err error
		if tmp, err = s.prepare(bucket, &o, data); err != nil {
			return nil, internal
		}
	}
	b, refused := s.place(bucket, tmp, &o, forbid)
	if refused != nil {
		_ = os.Remove(tmp)
	}
	if b != nil && s.settle(bucket, b) != nil { // of an object that exists, too: it must not be gone later
		return nil, internal
	}
	if refused != nil {
		return nil, refused
	}
	return &o, nil
}

func (s *Server) has(bucket string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.buckets[bucket] != nil
}

// place puts a prepared object into its bucket: existence and creation are one step.
func (s *Server) place(bucket, tmp string, o *Object, forbid bool) (*bucket, *fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[bucket]
	if b == nil {
		return nil, noSuchBucket
	}
	if forbid && !b.Versioned && b.objects[o.Key] != nil {
		return b, exists
	}
	if tmp != "" {
		if err := os.Rename(tmp, o.path); err != nil {
			return b, internal
		}
		b.changes.Add(1)
	}
	b.put(o)
	return b, nil
}

// read takes a request's body and checks it against its Content-MD5.
func read(r *http.Request, most int64) ([]byte, *fault) {
	if r.ContentLength < 0 && len(r.TransferEncoding) == 0 {
		return nil, refuse(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
	}
	if r.ContentLength > most {
		return nil, refuse(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed object size.")
	}
	data, err := io.ReadAll(io.LimitReader(r.Body, most))
	if err != nil {
		return nil, refuse(400, "RequestTimeout", "Your socket connection to the server was not read from or written to within the timeout period.")
	}
	if want := r.Header.Get("Content-Md5"); want != "" {
		if sum := md5.Sum(data); want != base64.StdEncoding.EncodeToString(sum[:]) { //nolint:gosec // as above
			return nil, refuse(400, "InvalidDigest", "The Content-MD5 you specified is invalid.")
		}
	}
	return data, nil
}

// kept are the headers of a put, beside x-oss-meta-…, that a get returns.
var kept = strings.Fields("cache-control content-disposition content-encoding content-language expires")

func meta(r *http.Request) map[string]string {
	var m map[string]string
	for name, v := range r.Header {
		if low := strings.ToLower(name); strings.HasPrefix(low, "x-oss-meta-") || slices.Contains(kept, low) && v[0] != "" {
			if m == nil {
				m = map[string]string{}
			}
			m[low] = v[0]
		}
	}
	return m
}

func forbids(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("X-Oss-Forbid-Overwrite"), "true")
}

func stored(o *Object) *answer {
	return &answer{status: 200, header: map[string]string{"ETag": `"` + o.ETag + `"`, "x-oss-hash-crc64ecma": fmt.Sprint(o.CRC64)}}
}

func (s *Server) arrived(bucket, key string) {
	if s.opt.Arrived != nil {
		s.opt.Arrived(bucket, key)
	}
}

func putObject(s *Server, r *http.Request, t target, k fakeram.Key) (*answer, *fault) {
	data, refused := read(r, maxObject)
	if refused != nil {
		return nil, refused
	}
	o, refused := s.commit(t.bucket, t.key, data, Object{ContentType: r.Header.Get("Content-Type"), Meta: meta(r)}, forbids(r))
	if refused != nil {
		return nil, refused
	}
	s.arrived(t.bucket, t.key)
	return stored(o), nil
}

// source reads what a copy is made from. Its name is escaped; whether a + in it is a
// blank is not documented and clients differ, so both are tried.
func (s *Server) source(r *http.Request, k fakeram.Key) (*Object, []byte, *fault) {
	given := strings.TrimPrefix(r.Header.Get("X-Oss-Copy-Source"), "/")
	if _, version, ok := strings.Cut(given, "?"); ok {
		return nil, nil, notImplemented(r, "x-oss-copy-source?"+version)
	}
	source, err := url.PathUnescape(given)
	bucket, key, ok := strings.Cut(source, "/")
	if err != nil || !ok || !validKey(key) {
		return nil, nil, refuse(400, "InvalidArgument", "The copy source is invalid.")
	}
	from, body, refused := s.take(bucket, key)
	if refused == noSuchKey {
		if blanks, err := url.QueryUnescape(given); err == nil {
			if o, other, no := s.take(bucket, strings.TrimPrefix(blanks, bucket+"/")); no == nil {
				from, body, refused, key = o, other, nil, o.Key
			}
		}
	}
	if body != nil {
		defer func() { _ = body.Close() }()
	}
	if !s.allowed(k, "GetObject", bucket, key) {
		return nil, nil, denied
	}
	if refused == nil {
		refused = copyConditions(r, from)
	}
	if refused != nil {
		return nil, nil, refused
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return nil, nil, internal
	}
	return from, data, nil
}

// copyConditions are those that a copy sets on its source.
func copyConditions(r *http.Request, from *Object) *fault {
	condition := func(name string) string { return r.Header.Get("X-Oss-Copy-Source-If-" + name) }
	if unmet(from, condition("Match"), condition("Unmodified-Since")) {
		return preconditionFailed
	}
	since, err := http.ParseTime(condition("Modified-Since"))
	if none := condition("None-Match"); none != "" && strings.Trim(none, `"`) == from.ETag || err == nil && !from.Modified.After(since) {
		return notModified
	}
	return nil
}

func copyObject(s *Server, r *http.Request, t target, k fakeram.Key) (*answer, *fault) {
	from, data, refused := s.source(r, k)
	if refused != nil {
		return nil, refused
	}
	to := Object{ContentType: from.ContentType, Meta: from.Meta}
	if strings.EqualFold(r.Header.Get("X-Oss-Metadata-Directive"), "REPLACE") {
		to = Object{ContentType: r.Header.Get("Content-Type"), Meta: meta(r)}
	}
	o, refused := s.commit(t.bucket, t.key, data, to, forbids(r))
	if refused != nil {
		return nil, refused
	}
	s.arrived(t.bucket, t.key)
	a := stored(o)
	a.xml = struct {
		XMLName            xml.Name `xml:"CopyObjectResult"`
		LastModified, ETag string
	}{LastModified: o.Modified.Format(stampMilli), ETag: `"` + o.ETag + `"`}
	return a, nil
}

func initiate(s *Server, r *http.Request, t target, k fakeram.Key) (*answer, *fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[t.bucket]
	if b == nil {
		return nil, noSuchBucket
	}
	if forbids(r) && !b.Versioned && b.objects[t.key] != nil {
		return nil, exists
	}
	id := rand.Text() + rand.Text()[:6]
	u := &upload{Bucket: t.bucket, Key: t.key, ContentType: r.Header.Get("Content-Type"), Meta: meta(r),
		Forbid: forbids(r), Begun: s.opt.Now(), parts: map[int]part{}}
	if err := s.saveUpload(id, u); err != nil {
		return nil, internal
	}
	s.uploads[id] = u
	return &answer{status: 200, xml: struct {
		XMLName               xml.Name `xml:"InitiateMultipartUploadResult"`
		EncodingType          string   `xml:",omitempty"`
		Bucket, Key, UploadId string
	}{EncodingType: t.encoding(), Bucket: t.bucket, Key: encode(t.encoding(), t.key), UploadId: id}}, nil
}

// upload finds a begun upload; the caller holds s.mu.
func (s *Server) upload(t target) (*upload, *fault) {
	u := s.uploads[t.query.Get("uploadId")]
	if u == nil || u.Bucket != t.bucket || u.Key != t.key {
		return nil, noSuchUpload
	}
	return u, nil
}

func uploadPart(s *Server, r *http.Request, t target, _ fakeram.Key) (*answer, *fault) {
	data, refused := read(r, maxObject)
	if refused != nil {
		return nil, refused
	}
	p, refused := s.storePart(t, data)
	if refused != nil {
		return nil, refused
	}
	return &answer{status: 200, header: map[string]string{"ETag": `"` + p.etag + `"`, "x-oss-hash-crc64ecma": fmt.Sprint(crc64.Checksum(data, ecma))}}, nil
}

func uploadPartCopy(s *Server, r *http.Request, t target, k fakeram.Key) (*answer, *fault) {
	_, data, refused := s.source(r, k)
	if refused != nil {
		return nil, refused
	}
	if text := r.Header.Get("X-Oss-Copy-Source-Range"); text != "" {
		from, to, ok := strings.Cut(strings.TrimPrefix(text, "bytes="), "-")
		first, err := strconv.Atoi(from)
		last, err2 := strconv.Atoi(to)
		if !ok || err != nil || err2 != nil || first < 0 || last < first || first >= len(data) {
			return nil, refuse(416, "InvalidRange", "The requested range cannot be satisfied.")
		}
		data = data[first:min(last+1, len(data))]
	}
	p, refused := s.storePart(t, data)
	if refused != nil {
		return nil, refused
	}
	return &answer{status: 200, header: map[string]string{"ETag": `"` + p.etag + `"`}, xml: struct {
		XMLName            xml.Name `xml:"CopyPartResult"`
		LastModified, ETag string
	}{LastModified: p.at.UTC().Format(stampMilli), ETag: `"` + p.etag + `"`}}, nil
}

func (s *Server) storePart(t target, data []byte) (part, *fault) {
	n, err := strconv.Atoi(t.query.Get("partNumber"))
	if err != nil || n < 1 || n > maxParts {
		return part{}, refuse(400, "InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive.")
	}
	sum := md5.Sum(data) //nolint:gosec // as above
	p := part{data: data, etag: strings.ToUpper(hex.EncodeToString(sum[:])), at: s.opt.Now()}
	s.mu.Lock()
	defer s.mu.Unlock()
	u, refused := s.upload(t)
	if refused != nil {
		return part{}, refused
	}
	if err := s.savePart(t, n, data); err != nil {
		return part{}, internal
	}
	u.parts[n] = p
	return p, nil
}

// partList is what a client says of the parts of its upload.
type partList struct {
	Part []struct {
		PartNumber int
		ETag       string
	}
}

// numbers are the parts that an upload is completed with: those of the list, or all.
func (u *upload) numbers(in partList, all bool) (out []int, _ *fault) {
	if all {
		return slices.Sorted(maps.Keys(u.parts)), nil
	}
	for _, p := range in.Part {
		if len(out) > 0 && p.PartNumber <= out[len(out)-1] {
			return nil, refuse(400, "InvalidPartOrder", "The list of parts was not in ascending order. Parts list must specified in order by part number.")
		}
		if u.parts[p.PartNumber].etag != strings.ToUpper(strings.Trim(p.ETag, `"`)) {
			return nil, refuse(400, "InvalidPart", "One or more of the specified parts could not be found or the specified entity tag might not have matched the part's entity tag.")
		}
		out = append(out, p.PartNumber)
	}
	return out, nil
}

// join puts parts together, with the entity tag of the whole.
func (u *upload) join(numbers []int) (data []byte, etag string, _ *fault) {
	var sums []byte
	for i, n := range numbers {
		p := u.parts[n]
		if i < len(numbers)-1 && len(p.data) < minPart {
			return nil, "", refuse(400, "EntityTooSmall", "Your proposed upload smaller than the minimum allowed object size.")
		}
		data = append(data, p.data...)
		sum, _ := hex.DecodeString(p.etag) // we made it
		sums = append(sums, sum...)
	}
	sum := md5.Sum(sums) //nolint:gosec // as above
	return data, fmt.Sprintf("%s-%d", strings.ToUpper(hex.EncodeToString(sum[:])), len(numbers)), nil
}

func complete(s *Server, r *http.Request, t target, k fakeram.Key) (*answer, *fault) {
	var in partList
	body, refused := read(r, 2<<20)
	if refused != nil {
		return nil, refused
	}
	all := strings.EqualFold(r.Header.Get("X-Oss-Complete-All"), "yes")
	if !all {
		if err := xml.Unmarshal(body, &in); err != nil || len(in.Part) == 0 {
			return nil, malformed
		}
	}
	var data []byte
	var etag string
	s.mu.Lock()
	u, refused := s.upload(t)
	if refused == nil {
		var numbers []int
		if numbers, refused = u.numbers(in, all); refused == nil {
			data, etag, refused = u.join(numbers)
		}
	}
	s.mu.Unlock()
	if refused != nil {
		return nil, refused
	}
	o, refused := s.commit(t.bucket, t.key, data, Object{ETag: etag, ContentType: u.ContentType, Meta: u.Meta}, u.Forbid || forbids(r))
	if refused != nil {
		return nil, refused
	}
	s.arrived(t.bucket, t.key)
	s.mu.Lock()
	err := s.retire(t)
	s.mu.Unlock()
	if err != nil {
		return nil, internal
	}
	a := stored(o)
	a.xml = struct {
		XMLName                     xml.Name `xml:"CompleteMultipartUploadResult"`
		EncodingType                string   `xml:",omitempty"`
		Location, Bucket, Key, ETag string
	}{EncodingType: t.encoding(), Location: "http://" + t.bucket + ".oss-" + s.opt.Region + ".aliyuncs.com/" + t.key, Bucket: t.bucket, Key: encode(t.encoding(), t.key), ETag: `"` + o.ETag + `"`}
	return a, nil
}

func abort(s *Server, r *http.Request, t target, k fakeram.Key) (*answer, *fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, refused := s.upload(t); refused != nil {
		return nil, refused
	}
	if err := s.retire(t); err != nil {
		return nil, internal
	}
	return &answer{status: 204}, nil
}

func listParts(s *Server, r *http.Request, t target, k fakeram.Key) (*answer, *fault) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	u, refused := s.upload(t)
	if refused != nil {
		return nil, refused
	}
	most, refused := t.count("max-parts", 1000)
	if refused != nil {
		return nil, refused
	}
	type entry struct {
		PartNumber         int
		LastModified, ETag string
		Size               int
		HashCrc64ecma      string
	}
	out := struct {
		XMLName                                          xml.Name `xml:"ListPartsResult"`
		EncodingType                                     string   `xml:",omitempty"`
		Bucket, Key, UploadId                            string
		PartNumberMarker, NextPartNumberMarker, MaxParts int
		IsTruncated                                      bool
		Part                                             []entry
	}{EncodingType: t.encoding(), Bucket: t.bucket, Key: encode(t.encoding(), t.key), UploadId: t.query.Get("uploadId"), MaxParts: most}
	out.PartNumberMarker, _ = strconv.Atoi(t.query.Get("part-number-marker")) // absent: from the first
	var numbers []int
	for n := range u.parts {
		if n > out.PartNumberMarker {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		if len(out.Part) == out.MaxParts {
			out.IsTruncated = true
			break
		}
		p := u.parts[n]
		out.Part = append(out.Part, entry{n, p.at.UTC().Format(stampMilli), `"` + p.etag + `"`, len(p.data), fmt.Sprint(crc64.Checksum(p.data, ecma))})
		out.NextPartNumberMarker = n
	}
	return &answer{status: 200, xml: out}, nil
}

func listUploads(s *Server, t target, _ *bucket, _ fakeram.Key) (*answer, *fault) {
	type entry struct{ Key, UploadId, Initiated string }
	most, refused := t.count("max-uploads", 1000)
	if refused != nil {
		return nil, refused
	}
	kind, prefix, after, afterID := t.encoding(), t.query.Get("prefix"), t.query.Get("key-marker"), t.query.Get("upload-id-marker")
	out := struct {
		XMLName                           xml.Name `xml:"ListMultipartUploadsResult"`
		Bucket                            string
		EncodingType                      string `xml:",omitempty"`
		KeyMarker, UploadIdMarker         string `xml:",omitempty"`
		NextKeyMarker, NextUploadIdMarker string `xml:",omitempty"`
		Prefix                            string
		MaxUploads                        int
		IsTruncated                       bool
		Upload                            []entry
	}{Bucket: t.bucket, EncodingType: kind, KeyMarker: encode(kind, after), UploadIdMarker: afterID, Prefix: encode(kind, prefix), MaxUploads: most}
	for id, u := range s.uploads {
		if u.Bucket == t.bucket && strings.HasPrefix(u.Key, prefix) && (u.Key > after || u.Key == after && afterID != "" && id > afterID) {
			out.Upload = append(out.Upload, entry{u.Key, id, u.Begun.UTC().Format(stampMilli)})
		}
	}
	slices.SortFunc(out.Upload, func(a, b entry) int {
		return cmp.Or(strings.Compare(a.Key, b.Key), strings.Compare(a.UploadId, b.UploadId))
	})
	if len(out.Upload) > most {
		out.Upload, out.IsTruncated = out.Upload[:most], true
		out.NextKeyMarker, out.NextUploadIdMarker = encode(kind, out.Upload[most-1].Key), out.Upload[most-1].UploadId
	}
	for i, u := range out.Upload {
		out.Upload[i].Key = encode(kind, u.Key)
	}
	return &answer{status: 200, xml: out}, nil
}

func deleteMany(s *Server, r *http.Request, t target, k fakeram.Key) (*answer, *fault) {
	var in struct {
		Quiet  bool
		Object []struct{ Key, VersionId string }
	}
	body, refused := read(r, 2<<20)
	if refused != nil {
		return nil, refused
	}
	if err := xml.Unmarshal(body, &in); err != nil || len(in.Object) == 0 || len(in.Object) > 1000 {
		return nil, malformed
	}
	type entry struct{ Key string }
	var out struct {
		XMLName      xml.Name `xml:"DeleteResult"`
		EncodingType string   `xml:",omitempty"`
		Deleted      []entry
	}
	out.EncodingType = t.encoding()
	for _, o := range in.Object {
		if o.VersionId != "" {
			return nil, notImplemented(r, "VersionId")
		}
		if !s.allowed(k, "DeleteObject", t.bucket, o.Key) {
			return nil, denied
		}
	}
	for _, o := range in.Object {
		if refused := s.drop(t.bucket, o.Key); refused != nil {
			return nil, refused
		}
		if !in.Quiet {
			out.Deleted = append(out.Deleted, entry{encode(out.EncodingType, o.Key)})
		}
	}
	return &answer{status: 200, xml: out}, nil
}

func (t target) encoding() string { return t.query.Get("encoding-type") }

func encode(kind, key string) string {
	if kind == "url" {
		return strings.ReplaceAll(url.QueryEscape(key), "+", "%20") // some clients leave a + as it is
	}
	return key
}

// listed is one line of a list: a key, or a common prefix of keys.
type listed struct {
	name   string
	prefix bool
}

// list walks the keys after one, in order; more says that there are more than most. A
// common prefix that the last page ended with is passed whole.
func (b *bucket) list(prefix, delimiter, after string, most int) (out []listed, more bool) {
	passed := delimiter != "" && strings.HasSuffix(after, delimiter)
	i, _ := slices.BinarySearch(b.keys, max(prefix, after))
	for ; i < len(b.keys) && strings.HasPrefix(b.keys[i], prefix); i++ {
		one := listed{name: b.keys[i]}
		if after != "" && (one.name <= after || passed && strings.HasPrefix(one.name, after)) {
			continue
		}
		if j := strings.Index(one.name[len(prefix):], delimiter); delimiter != "" && j >= 0 {
			one = listed{one.name[:len(prefix)+j+len(delimiter)], true}
			if len(out) > 0 && one == out[len(out)-1] {
				continue
			}
		}
		if len(out) == most {
			return out, true
		}
		out = append(out, one)
	}
	return out, false
}

// afterKey is where a page of a list begins.
func (t target) afterKey() (string, *fault) {
	if t.op != "ListObjectsV2" {
		return t.query.Get("marker"), nil
	}
	token := t.query.Get("continuation-token")
	if token == "" {
		return t.query.Get("start-after"), nil
	}
	raw, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return "", refuse(400, "InvalidArgument", "The continuation token provided is incorrect.")
	}
	return string(raw), nil
}

// listObjects answers both list versions; the caller holds s.mu.
func listObjects(_ *Server, t target, b *bucket, k fakeram.Key) (*answer, *fault) {
	q, v2 := t.query, t.op == "ListObjectsV2"
	most, refused := t.count("max-keys", 100)
	if refused != nil {
		return nil, refused
	}
	after, refused := t.afterKey()
	if refused != nil {
		return nil, refused
	}
	kind, prefix, delimiter := t.encoding(), q.Get("prefix"), q.Get("delimiter")
	type owner struct{ ID, DisplayName string }
	type content struct {
		Key, LastModified, ETag, Type string
		Size                          int64
		StorageClass                  string
		Owner                         *owner `xml:",omitempty"`
	}
	type common struct{ Prefix string }
	out := struct {
		XMLName                       xml.Name `xml:"ListBucketResult"`
		Name, Prefix                  string
		Marker, NextMarker            string `xml:",omitempty"`
		StartAfter, ContinuationToken string `xml:",omitempty"`
		MaxKeys                       int
		Delimiter                     string
		EncodingType                  string `xml:",omitempty"`
		IsTruncated                   bool
		NextContinuationToken         string `xml:",omitempty"`
		KeyCount                      int
		Contents                      []content
		CommonPrefixes                []common
	}{Name: t.bucket, Prefix: encode(kind, prefix), MaxKeys: most, Delimiter: encode(kind, delimiter), EncodingType: kind}
	if v2 {
		out.StartAfter, out.ContinuationToken = encode(kind, q.Get("start-after")), q.Get("continuation-token")
	} else {
		out.Marker = encode(kind, after)
	}
	var who *owner // the first version of the call always says it
	if !v2 || q.Get("fetch-owner") == "true" {
		who = &owner{k.Account, k.Account}
	}
	lines, more := b.list(prefix, delimiter, after, most)
	for _, line := range lines {
		if line.prefix {
			out.CommonPrefixes = append(out.CommonPrefixes, common{encode(kind, line.name)})
			continue
		}
		o := b.objects[line.name]
		out.Contents = append(out.Contents, content{Key: encode(kind, line.name), LastModified: o.Modified.Format(stampMilli),
			ETag: `"` + o.ETag + `"`, Type: "Normal", Size: o.Size, StorageClass: "Standard", Owner: who})
	}
	out.KeyCount, out.IsTruncated = len(lines), more
	if more {
		last := ""
		if len(lines) > 0 {
			last = lines[len(lines)-1].name
		}
		if v2 {
			out.NextContinuationToken = base64.StdEncoding.EncodeToString([]byte(last))
		} else {
			out.NextMarker = encode(kind, last)
		}
	}
	return &answer{status: 200, xml: out}, nil
}
