package fakeoss

import (
	"bytes"
	"cmp"
	"crypto/md5" //nolint:gosec // an ETag is one
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"hash/crc64"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

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
	bucket, key, contentType string
	meta                     map[string]string
	forbid                   bool
	begun                    time.Time
	parts                    map[int]part
}

type part struct {
	data []byte
	etag string
	at   time.Time
}

// rights are the RAM actions that differ from "oss:" + operation.
var rights = map[string]string{
	"HeadObject": "GetObject", "GetObjectMeta": "GetObject", "ListObjectsV2": "ListObjects", "CopyObject": "PutObject",
	"UploadPart": "PutObject", "InitiateMultipartUpload": "PutObject", "CompleteMultipartUpload": "PutObject",
}

func (s *Server) allowed(k fakeram.Key, action, bucket, key string) bool {
	resource := fmt.Sprintf("acs:oss:oss-%s:%s:%s", s.opt.Region, k.Account, bucket)
	if key != "" {
		resource += "/" + key
	}
	return s.opt.Keys.Allowed(k.ID, "oss:"+action, resource)
}

func (s *Server) handle(r *http.Request, t target, k fakeram.Key) (*answer, *fault) {
	action := t.op
	if other, ok := rights[t.op]; ok {
		action = other
	}
	denied := refuse(403, "AccessDenied", "You have no right to access this object.")
	if t.op != "DeleteMultipleObjects" && !s.allowed(k, action, t.bucket, t.key) {
		return nil, denied
	}
	if t.bucket != "" && !bucketName.MatchString(t.bucket) {
		return nil, refuse(400, "InvalidBucketName", "The specified bucket is not valid.")
	}
	if len(t.key) > maxKey || strings.HasPrefix(t.key, "/") || strings.HasPrefix(t.key, `\`) {
		return nil, refuse(400, "InvalidObjectName", "The specified object is not valid.")
	}
	switch t.op {
	case "ListBuckets":
		return s.listBuckets(k)
	case "PutBucket":
		if err := s.CreateBucket(t.bucket, false); err != nil {
			return nil, internal
		}
		return &answer{status: 200}, nil
	case "PutObject":
		return s.putObject(r, t)
	case "CopyObject":
		return s.copyObject(r, t, k)
	case "InitiateMultipartUpload":
		return s.initiate(r, t)
	case "UploadPart":
		return s.uploadPart(r, t)
	case "CompleteMultipartUpload":
		return s.complete(r, t)
	case "AbortMultipartUpload":
		return s.abort(t)
	case "ListParts":
		return s.listParts(t)
	case "DeleteObject":
		if refused := s.drop(t.bucket, t.key); refused != nil {
			return nil, refused
		}
		return &answer{status: 204}, nil
	case "DeleteMultipleObjects":
		return s.deleteMany(r, t, k)
	case "GetObject", "HeadObject", "GetObjectMeta":
		o, refused := s.find(t.bucket, t.key)
		if refused != nil {
			return nil, refused
		}
		if m := r.Header.Get("If-Match"); m != "" && strings.Trim(m, `"`) != o.ETag {
			return nil, refuse(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold.")
		}
		return &answer{status: 200, object: o}, nil
	}
	return s.aboutBucket(r, t, k)
}

func (s *Server) aboutBucket(r *http.Request, t target, k fakeram.Key) (*answer, *fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[t.bucket]
	if b == nil {
		return nil, noSuchBucket
	}
	region := "oss-" + s.opt.Region
	switch t.op {
	case "DeleteBucket":
		if len(b.keys) > 0 {
			return nil, refuse(409, "BucketNotEmpty", "The bucket you tried to delete is not empty.")
		}
		delete(s.buckets, t.bucket)
		return &answer{status: 204}, s.removeBucketDir(t.bucket)
	case "GetBucketInfo":
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
	case "GetBucketLocation":
		return &answer{status: 200, xml: struct {
			XMLName xml.Name `xml:"LocationConstraint"`
			Value   string   `xml:",chardata"`
		}{Value: region}}, nil
	case "GetBucketVersioning", "PutBucketVersioning":
		type versioning struct {
			XMLName xml.Name `xml:"VersioningConfiguration"`
			Status  string   `xml:",omitempty"`
		}
		if t.op == "GetBucketVersioning" {
			out := versioning{}
			if b.Versioned {
				out.Status = "Enabled"
			}
			return &answer{status: 200, xml: out}, nil
		}
		var in versioning
		if err := xml.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(&in); err != nil || in.Status != "Enabled" && in.Status != "Suspended" {
			return nil, malformed
		}
		b.Versioned = in.Status == "Enabled"
		if err := s.saveBucket(t.bucket, b); err != nil {
			return nil, internal
		}
		return &answer{status: 200}, nil
	case "ListMultipartUploads":
		return s.listUploads(t)
	}
	return listObjects(t, b)
}

func (s *Server) listBuckets(k fakeram.Key) (*answer, *fault) {
	type entry struct{ Name, CreationDate, Location, StorageClass, Region string }
	var out struct {
		XMLName     xml.Name                         `xml:"ListAllMyBucketsResult"`
		Owner       struct{ ID, DisplayName string } `xml:"Owner"`
		IsTruncated bool
		Buckets     []entry `xml:"Buckets>Bucket"`
	}
	out.Owner.ID, out.Owner.DisplayName = k.Account, k.Account
	s.mu.RLock()
	defer s.mu.RUnlock()
	for name, b := range s.buckets {
		out.Buckets = append(out.Buckets, entry{name, b.Created.UTC().Format(stampMilli), "oss-" + s.opt.Region, "Standard", s.opt.Region})
	}
	slices.SortFunc(out.Buckets, func(a, b entry) int { return strings.Compare(a.Name, b.Name) })
	return &answer{status: 200, xml: out}, nil
}

func (s *Server) find(bucket, key string) (*Object, *fault) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b := s.buckets[bucket]
	if b == nil {
		return nil, noSuchBucket
	}
	o := b.objects[key]
	if o == nil {
		return nil, noSuchKey
	}
	return o, nil
}

func (s *Server) drop(bucket, key string) *fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[bucket]
	if b == nil {
		return noSuchBucket
	}
	if o := b.objects[key]; o != nil && o.path != "" {
		if err := s.removeFile(bucket, o.path); err != nil {
			return internal
		}
	}
	b.remove(key)
	return nil
}

// commit stores bytes as an object, and refuses to replace one if told to.
func (s *Server) commit(bucket, key string, data []byte, o Object, forbid bool) (*Object, *fault) {
	sum := md5.Sum(data) //nolint:gosec // as above
	o.Key, o.Size, o.CRC64, o.Modified = key, int64(len(data)), crc64.Checksum(data, ecma), s.opt.Now().UTC().Truncate(time.Second)
	if o.ETag == "" {
		o.ETag = strings.ToUpper(hex.EncodeToString(sum[:]))
	}
	if o.ContentType == "" {
		o.ContentType = "application/octet-stream"
	}
	s.mu.Lock() // over the write of the file: existence and creation are one step
	defer s.mu.Unlock()
	b := s.buckets[bucket]
	if b == nil {
		return nil, noSuchBucket
	}
	if forbid && !b.Versioned && b.objects[key] != nil {
		return nil, exists
	}
	if s.opt.Dir == "" {
		o.data = data
	} else if err := s.save(bucket, &o, bytes.NewReader(data)); err != nil {
		return nil, internal
	}
	b.put(&o)
	return &o, nil
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

func meta(r *http.Request) map[string]string {
	var m map[string]string
	for name, v := range r.Header {
		if low := strings.ToLower(name); strings.HasPrefix(low, "x-oss-meta-") {
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

func (s *Server) putObject(r *http.Request, t target) (*answer, *fault) {
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

func (s *Server) copyObject(r *http.Request, t target, k fakeram.Key) (*answer, *fault) {
	source, err := url.PathUnescape(strings.TrimPrefix(r.Header.Get("X-Oss-Copy-Source"), "/"))
	bucket, key, ok := strings.Cut(source, "/")
	if err != nil || !ok {
		return nil, refuse(400, "InvalidArgument", "The copy source is invalid.")
	}
	if !s.allowed(k, "GetObject", bucket, key) {
		return nil, refuse(403, "AccessDenied", "You have no right to access this object.")
	}
	from, refused := s.find(bucket, key)
	if refused != nil {
		return nil, refused
	}
	body, err := from.open()
	if err != nil {
		return nil, noSuchKey
	}
	defer func() { _ = body.Close() }()
	data, err := io.ReadAll(body)
	if err != nil {
		return nil, internal
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

func (s *Server) initiate(r *http.Request, t target) (*answer, *fault) {
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
	s.uploads[id] = &upload{bucket: t.bucket, key: t.key, contentType: r.Header.Get("Content-Type"), meta: meta(r),
		forbid: forbids(r), begun: s.opt.Now(), parts: map[int]part{}}
	return &answer{status: 200, xml: struct {
		XMLName               xml.Name `xml:"InitiateMultipartUploadResult"`
		Bucket, Key, UploadId string
	}{Bucket: t.bucket, Key: t.key, UploadId: id}}, nil
}

// upload finds a begun upload; the caller holds s.mu.
func (s *Server) upload(t target) (*upload, *fault) {
	u := s.uploads[t.query.Get("uploadId")]
	if u == nil || u.bucket != t.bucket || u.key != t.key {
		return nil, noSuchUpload
	}
	return u, nil
}

func (s *Server) uploadPart(r *http.Request, t target) (*answer, *fault) {
	n, err := strconv.Atoi(t.query.Get("partNumber"))
	if err != nil || n < 1 || n > maxParts {
		return nil, refuse(400, "InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive.")
	}
	data, refused := read(r, maxObject)
	if refused != nil {
		return nil, refused
	}
	sum := md5.Sum(data) //nolint:gosec // as above
	etag := strings.ToUpper(hex.EncodeToString(sum[:]))
	s.mu.Lock()
	defer s.mu.Unlock()
	u, refused := s.upload(t)
	if refused != nil {
		return nil, refused
	}
	u.parts[n] = part{data: data, etag: etag, at: s.opt.Now()}
	return &answer{status: 200, header: map[string]string{"ETag": `"` + etag + `"`, "x-oss-hash-crc64ecma": fmt.Sprint(crc64.Checksum(data, ecma))}}, nil
}

func (s *Server) complete(r *http.Request, t target) (*answer, *fault) {
	var in struct {
		Part []struct {
			PartNumber int
			ETag       string
		}
	}
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
	s.mu.Lock()
	u, refused := s.upload(t)
	if refused != nil {
		s.mu.Unlock()
		return nil, refused
	}
	var numbers []int
	if all {
		for n := range u.parts {
			numbers = append(numbers, n)
		}
		slices.Sort(numbers)
	}
	for _, p := range in.Part {
		if len(numbers) > 0 && p.PartNumber <= numbers[len(numbers)-1] {
			refused = refuse(400, "InvalidPartOrder", "The list of parts was not in ascending order. Parts list must specified in order by part number.")
		}
		if refused == nil && u.parts[p.PartNumber].etag != strings.ToUpper(strings.Trim(p.ETag, `"`)) {
			refused = refuse(400, "InvalidPart", "One or more of the specified parts could not be found or the specified entity tag might not have matched the part's entity tag.")
		}
		numbers = append(numbers, p.PartNumber)
	}
	var data, sums []byte
	for i, n := range numbers {
		p := u.parts[n]
		if refused == nil && i < len(numbers)-1 && len(p.data) < minPart {
			refused = refuse(400, "EntityTooSmall", "Your proposed upload smaller than the minimum allowed object size.")
		}
		if refused == nil {
			data = append(data, p.data...)
			sum, _ := hex.DecodeString(p.etag) // we made it
			sums = append(sums, sum...)
		}
	}
	s.mu.Unlock()
	if refused != nil {
		return nil, refused
	}
	sum := md5.Sum(sums) //nolint:gosec // as above
	etag := fmt.Sprintf("%s-%d", strings.ToUpper(hex.EncodeToString(sum[:])), len(numbers))
	o, refused := s.commit(t.bucket, t.key, data, Object{ETag: etag, ContentType: u.contentType, Meta: u.meta}, u.forbid || forbids(r))
	if refused != nil {
		return nil, refused
	}
	s.mu.Lock()
	delete(s.uploads, t.query.Get("uploadId"))
	s.mu.Unlock()
	s.arrived(t.bucket, t.key)
	a := stored(o)
	a.xml = struct {
		XMLName                     xml.Name `xml:"CompleteMultipartUploadResult"`
		Location, Bucket, Key, ETag string
	}{Location: "http://" + t.bucket + ".oss-" + s.opt.Region + ".aliyuncs.com/" + t.key, Bucket: t.bucket, Key: t.key, ETag: `"` + o.ETag + `"`}
	return a, nil
}

func (s *Server) abort(t target) (*answer, *fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, refused := s.upload(t); refused != nil {
		return nil, refused
	}
	delete(s.uploads, t.query.Get("uploadId"))
	return &answer{status: 204}, nil
}

func (s *Server) listParts(t target) (*answer, *fault) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	u, refused := s.upload(t)
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
		Bucket, Key, UploadId                            string
		PartNumberMarker, NextPartNumberMarker, MaxParts int
		IsTruncated                                      bool
		Part                                             []entry
	}{Bucket: t.bucket, Key: t.key, UploadId: t.query.Get("uploadId"), MaxParts: 1000}
	if n, err := strconv.Atoi(t.query.Get("max-parts")); err == nil && n > 0 && n <= 1000 {
		out.MaxParts = n
	}
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

// listUploads runs under s.mu.
func (s *Server) listUploads(t target) (*answer, *fault) {
	type entry struct{ Key, UploadId, Initiated string }
	out := struct {
		XMLName     xml.Name `xml:"ListMultipartUploadsResult"`
		Bucket      string
		Prefix      string
		MaxUploads  int
		IsTruncated bool
		Upload      []entry
	}{Bucket: t.bucket, Prefix: t.query.Get("prefix"), MaxUploads: 1000}
	for id, u := range s.uploads {
		if u.bucket == t.bucket && strings.HasPrefix(u.key, out.Prefix) {
			out.Upload = append(out.Upload, entry{u.key, id, u.begun.UTC().Format(stampMilli)})
		}
	}
	slices.SortFunc(out.Upload, func(a, b entry) int { return strings.Compare(a.Key+a.UploadId, b.Key+b.UploadId) })
	return &answer{status: 200, xml: out}, nil
}

func (s *Server) deleteMany(r *http.Request, t target, k fakeram.Key) (*answer, *fault) {
	var in struct {
		Quiet  bool
		Object []struct{ Key string }
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
	out.EncodingType = t.query.Get("encoding-type")
	for _, o := range in.Object {
		if !s.allowed(k, "DeleteObject", t.bucket, o.Key) {
			return nil, refuse(403, "AccessDenied", "You have no right to access this object.")
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

func encode(kind, key string) string {
	if kind == "url" {
		return url.QueryEscape(key)
	}
	return key
}

// listObjects answers both list versions; the caller holds s.mu.
func listObjects(t target, b *bucket) (*answer, *fault) {
	q, v2 := t.query, t.op == "ListObjectsV2"
	most := 100
	if text := q.Get("max-keys"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 1000 {
			return nil, refuse(400, "InvalidArgument", "Argument max-keys must be an integer between 1 and 1000.")
		}
		most = n
	}
	kind, prefix, delimiter, after := q.Get("encoding-type"), q.Get("prefix"), q.Get("delimiter"), q.Get("marker")
	if v2 {
		after = q.Get("start-after")
		if token := q.Get("continuation-token"); token != "" {
			raw, err := base64.StdEncoding.DecodeString(token)
			if err != nil {
				return nil, refuse(400, "InvalidArgument", "The continuation token provided is incorrect.")
			}
			after = string(raw)
		}
	}
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
	last := ""
	i, _ := slices.BinarySearch(b.keys, max(prefix, after))
	for ; i < len(b.keys) && strings.HasPrefix(b.keys[i], prefix); i++ {
		key := b.keys[i]
		if after != "" && (key <= after || delimiter != "" && strings.HasSuffix(after, delimiter) && strings.HasPrefix(key, after)) {
			continue // a common prefix that the last page ended with is passed whole
		}
		name := key
		if j := strings.Index(key[len(prefix):], delimiter); delimiter != "" && j >= 0 {
			name = key[:len(prefix)+j+len(delimiter)]
			if name == last {
				continue
			}
		}
		if out.KeyCount == most {
			out.IsTruncated = true
			break
		}
		out.KeyCount++
		last = name
		if name != key {
			out.CommonPrefixes = append(out.CommonPrefixes, common{encode(kind, name)})
			continue
		}
		o := b.objects[key]
		out.Contents = append(out.Contents, content{Key: encode(kind, key), LastModified: o.Modified.Format(stampMilli),
			ETag: `"` + o.ETag + `"`, Type: "Normal", Size: o.Size, StorageClass: "Standard"})
	}
	if out.IsTruncated {
		if v2 {
			out.NextContinuationToken = base64.StdEncoding.EncodeToString([]byte(last))
		} else {
			out.NextMarker = encode(kind, last)
		}
	}
	return &answer{status: 200, xml: out}, nil
}
