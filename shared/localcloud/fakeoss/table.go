package fakeoss

import (
	"net/http"
	"slices"
	"strings"

	"vodcurator/shared/localcloud/fakeram"
)

// row is an operation and all that it reads. Whatever else a request brings, known
// to the provider or not, is refused by its name: a parameter that is passed over
// turns one operation into another, as "PUT object?tagging" into "PUT object".
type row struct {
	op string
	// right is the RAM action; "": oss:<op>.
	right   string
	params  string // query parameters beside the sub-resource
	headers string // x-oss- headers, without that prefix
	run     func(*Server, *http.Request, target, fakeram.Key) (*answer, *fault)
}

const (
	listing = "encoding-type prefix delimiter "
	writing = "forbid-overwrite storage-class object-acl meta-* "
	copying = "copy-source copy-source-if-match copy-source-if-none-match copy-source-if-modified-since copy-source-if-unmodified-since "
	shown   = "response-content-type response-content-language response-expires response-cache-control response-content-disposition response-content-encoding "
)

// table is the API: method, what the path names, and the sub-resource if there is one.
var table map[string]row

// subResources are the sub-resources that table has.
var subResources []string

func init() { // rows call functions that read the table
	table = map[string]row{
		"GET service":               {op: "ListBuckets", params: "prefix marker max-keys", run: listBuckets},
		"PUT bucket":                {op: "PutBucket", headers: "acl storage-class", run: putBucket},
		"DELETE bucket":             {op: "DeleteBucket", run: deleteBucket},
		"GET bucket":                {op: "ListObjects", params: listing + "marker max-keys", run: aboutBucket(listObjects)},
		"GET bucket?list-type":      {op: "ListObjectsV2", right: "ListObjects", params: listing + "continuation-token start-after max-keys fetch-owner", run: aboutBucket(listObjects)},
		"GET bucket?bucketInfo":     {op: "GetBucketInfo", run: aboutBucket(bucketInfo)},
		"GET bucket?location":       {op: "GetBucketLocation", run: aboutBucket(bucketLocation)},
		"GET bucket?versioning":     {op: "GetBucketVersioning", run: aboutBucket(getVersioning)},
		"PUT bucket?versioning":     {op: "PutBucketVersioning", run: putVersioning},
		"GET bucket?uploads":        {op: "ListMultipartUploads", params: "encoding-type prefix max-uploads key-marker upload-id-marker", run: aboutBucket(listUploads)},
		"POST bucket?delete":        {op: "DeleteMultipleObjects", params: "encoding-type", run: deleteMany},
		"PUT object":                {op: "PutObject", headers: writing, run: putObject},
		"PUT object (copy)":         {op: "CopyObject", right: "PutObject", headers: writing + copying + "metadata-directive tagging-directive", run: copyObject},
		"GET object":                {op: "GetObject", params: shown, headers: "range-behavior", run: getObject},
		"HEAD object":               {op: "HeadObject", right: "GetObject", run: getObject},
		"HEAD object?objectMeta":    {op: "GetObjectMeta", right: "GetObject", run: getObject},
		"GET object?objectMeta":     {op: "GetObjectMeta", right: "GetObject", run: getObject},
		"DELETE object":             {op: "DeleteObject", run: deleteObject},
		"POST object?uploads":       {op: "InitiateMultipartUpload", right: "PutObject", params: "encoding-type sequential", headers: writing, run: initiate},
		"PUT object?uploadId":       {op: "UploadPart", right: "PutObject", params: "partNumber", run: uploadPart},
		"PUT object?uploadId(copy)": {op: "UploadPartCopy", right: "PutObject", params: "partNumber", headers: copying + "copy-source-range", run: uploadPartCopy},
		"POST object?uploadId":      {op: "CompleteMultipartUpload", right: "PutObject", params: "encoding-type", headers: "forbid-overwrite complete-all", run: complete},
		"DELETE object?uploadId":    {op: "AbortMultipartUpload", run: abort},
		"GET object?uploadId":       {op: "ListParts", params: "encoding-type max-parts part-number-marker", run: listParts},
	}
	for key := range table {
		if _, sub, ok := strings.Cut(key, "?"); ok {
			subResources = append(subResources, strings.TrimSuffix(sub, "(copy)"))
		}
	}
}

// everywhere are parameters and headers that any request may bring: its signature and
// what a client says of itself.
const (
	signingParams  = "OSSAccessKeyId Expires Signature security-token x-oss-signature-version x-oss-credential x-oss-date x-oss-expires x-oss-signature x-oss-additional-headers x-oss-security-token "
	signingHeaders = "date content-sha256 security-token user-agent "
)

// plainValues are the values of parameters and headers that ask for what is done anyway.
var plainValues = map[string]string{"x-oss-storage-class": "Standard", "x-oss-object-acl": "default", "x-oss-acl": "private", "x-oss-range-behavior": "standard",
	"x-oss-tagging-directive": "Copy", "encoding-type": "url", "list-type": "2"}

// rowKey is the key of a request's row in the table.
func rowKey(r *http.Request, t target, names []string) string {
	scope := "object"
	switch {
	case t.bucket == "":
		scope = "service"
	case t.key == "":
		scope = "bucket"
	}
	method := r.Method
	if method == http.MethodHead && scope == "bucket" {
		method = http.MethodGet
	}
	key := method + " " + scope
	for _, name := range names {
		if slices.Contains(subResources, name) {
			key += "?" + name
		}
	}
	if r.Header.Get("X-Oss-Copy-Source") != "" {
		key = map[string]string{"PUT object": "PUT object (copy)", "PUT object?uploadId": "PUT object?uploadId(copy)"}[key]
	}
	return key
}

// operation finds the row of a request, and the first thing in it that no row takes.
// The row is nameless when there is none.
func operation(r *http.Request, t target) (found row, unknown string) {
	names := sortedNames(t.query)
	found = table[rowKey(r, t, names)]
	own := strings.Fields(found.params + " " + signingParams)
	for _, name := range names {
		known := slices.Contains(own, name) || found.op != "" && slices.Contains(subResources, name)
		if !known || otherwise(name, t.query.Get(name)) {
			return found, name
		}
	}
	for _, name := range headers(r, func(name string) bool { return strings.HasPrefix(name, "x-oss-") }) {
		short, takes := strings.TrimPrefix(name, "x-oss-"), strings.Fields(signingHeaders+found.headers)
		known := slices.Contains(takes, short) || strings.HasPrefix(short, "meta-") && slices.Contains(takes, "meta-*")
		if !known || otherwise(name, r.Header.Get(name)) {
			return found, name
		}
	}
	return found, ""
}

// otherwise says that a parameter or header asks for something that is not emulated.
func otherwise(name, value string) bool {
	plain, only := plainValues[name]
	return only && value != "" && value != plain
}

func sortedNames(q map[string][]string) []string {
	var names []string
	for name := range q {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// notImplemented names what a request asked for. OSS has the code for headers that imply
// what it does not do; that sub-resources are refused alike is ours.
func notImplemented(r *http.Request, what string) *fault {
	if strings.HasPrefix(what, "x-oss-") {
		if value := r.Header.Get(what); value != "" && plainValues[what] != "" {
			what += ": " + value
		}
	}
	return refuse(501, "NotImplemented", "A header or parameter you provided implies functionality that is not implemented: "+what+".")
}
