package fakevod

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // OSS signs addresses with it
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
	"time"

	"vodcurator/shared/localcloud/fakeram"
)

// reader is the key that addresses of the bucket are signed with: it may read objects and
// nothing else.
func (s *Server) addReader() {
	s.reader = fakeram.Key{ID: "vod-play-" + s.opt.Region, Secret: requestID(), Account: s.opt.Account, Policy: &fakeram.Policy{Statement: []fakeram.Statement{{
		Effect: "Allow", Action: fakeram.Strings{"oss:GetObject"}, Resource: fakeram.Strings{"acs:oss:*:*:" + s.opt.Bucket + "/*"}}}}}
	s.opt.Keys.Add(s.reader)
}

// lasting signs an address of the private bucket for so many seconds of the real clock,
// after which the object store refuses it. Addresses of a CDN domain stay as they are:
// whether they end depends on the domain's own setting.
func (s *Server) lasting(output, address string, seconds int64) string {
	key, ours := strings.CutPrefix(address, s.host())
	if output != "oss" || !ours || key == "" {
		return address
	}
	until := strconv.FormatInt(time.Now().Unix()+seconds, 10)
	mac := hmac.New(sha1.New, []byte(s.reader.Secret))
	mac.Write([]byte("GET\n\n\n" + until + "\n/" + s.opt.Bucket + "/" + key))
	q := url.Values{"Expires": {until}, "OSSAccessKeyId": {s.reader.ID}, "Signature": {base64.StdEncoding.EncodeToString(mac.Sum(nil))}}
	return s.host() + (&url.URL{Path: key}).EscapedPath() + "?" + q.Encode()
}
