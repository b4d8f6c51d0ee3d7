package localcloud_test

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
)

// stranger is a client of the local cloud that shares no code with it and was written
// from the provider's documents alone.
type stranger struct {
	t               *testing.T
	cloud           *localcloud.Cloud
	vod, mns        string
	id, key, token  string
	nonce           int
	body            string         // of the last answer
	answer          map[string]any // the same, when it is JSON
	head            http.Header
	account, region string
}

func newStranger(t *testing.T, opt localcloud.Options) *stranger {
	t.Helper()
	if opt.Faults == "" {
		opt.Faults = "none"
	}
	tune := opt.Tune
	opt.Tune = func(s *localcloud.Services) {
		s.VOD.RateScale = -1
		if tune != nil {
			tune(s)
		}
	}
	c := localcloud.RunT(t, opt)
	env := c.Env()
	return &stranger{t: t, cloud: c, vod: env["VOD_ENDPOINT"], mns: env["MNS_ENDPOINT"], id: env["ALIBABA_CLOUD_ACCESS_KEY_ID"],
		key: env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"], account: env["ALIBABA_CLOUD_ACCOUNT_ID"], region: env["ALIBABA_CLOUD_REGION"]}
}

func percent(s string) string {
	return strings.NewReplacer("+", "%20", "*", "%2A", "%7E", "~").Replace(url.QueryEscape(s))
}

func hmacOf(key, text string) string {
	m := hmac.New(sha1.New, []byte(key))
	m.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// call makes a signed RPC request; a parameter "-Name" leaves a common one out, and
// "=Name" replaces it after the signature. It answers status and code.
func (s *stranger) call(action string, params ...string) string {
	s.t.Helper()
	s.nonce++
	q := map[string]string{"Action": action, "Version": "2017-03-21", "Format": "JSON", "AccessKeyId": s.id, "SignatureMethod": "HMAC-SHA1",
		"SignatureVersion": "1.0", "SignatureNonce": fmt.Sprint("stranger-", s.nonce), "Timestamp": time.Now().UTC().Format("2006-01-02T15:04:05Z"), "SignatureType": ""}
	if s.token != "" {
		q["SecurityToken"] = s.token
	}
	late, method := map[string]string{}, http.MethodPost
	for i := 0; i < len(params); i += 2 {
		switch name, value := params[i], params[i+1]; {
		case name == "METHOD":
			method = value
		case name[0] == '-':
			delete(q, name[1:])
		case name[0] == '=':
			late[name[1:]] = value
		default:
			q[name] = value
		}
	}
	var pairs []string
	for k, v := range q {
		pairs = append(pairs, percent(k)+"="+percent(v))
	}
	slices.Sort(pairs)
	q["Signature"] = hmacOf(s.key+"&", method+"&%2F&"+percent(strings.Join(pairs, "&")))
	for k, v := range late {
		q[k] = v
	}
	pairs = nil
	for k, v := range q {
		pairs = append(pairs, url.QueryEscape(k)+"="+url.QueryEscape(v))
	}
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.vod+"/?"+strings.Join(pairs, "&"), nil)
	require.NoError(s.t, err)
	return s.do(r)
}

func (s *stranger) do(r *http.Request) string {
	s.t.Helper()
	resp, err := http.DefaultClient.Do(r)
	require.NoError(s.t, err)
	raw, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	require.NoError(s.t, resp.Body.Close())
	s.body, s.answer, s.head = string(raw), nil, resp.Header
	_ = json.Unmarshal(raw, &s.answer)
	code, _ := s.answer["Code"].(string)
	if _, rest, ok := strings.Cut(s.body, "<Code>"); ok {
		code, _, _ = strings.Cut(rest, "<")
	}
	return strings.TrimSpace(fmt.Sprint(resp.StatusCode, " ", code))
}

// at walks the last answer: names, and numbers in lists.
func (s *stranger) at(path string) any {
	var v any = s.answer
	for _, name := range strings.Split(path, ".") {
		switch in := v.(type) {
		case map[string]any:
			v = in[name]
		case []any:
			var i int
			if _, err := fmt.Sscan(name, &i); err != nil || i >= len(in) {
				return nil
			}
			v = in[i]
		default:
			return nil
		}
	}
	return v
}

// queue makes a signed request of the message service; headers come in pairs, "-Name"
// leaves one out.
func (s *stranger) queue(method, target, body string, headers ...string) string {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.mns+target, strings.NewReader(body))
	require.NoError(s.t, err)
	h := map[string]string{"Date": time.Now().UTC().Format(http.TimeFormat), "x-mns-version": "2015-06-06", "Content-Type": "text/xml"}
	if s.token != "" {
		h["security-token"] = s.token
	}
	for i := 0; i < len(headers); i += 2 {
		if name, left := strings.CutPrefix(headers[i], "-"); left {
			delete(h, name)
			continue
		}
		h[headers[i]] = headers[i+1]
	}
	var own []string
	for k, v := range h {
		if strings.HasPrefix(strings.ToLower(k), "x-mns-") {
			own = append(own, strings.ToLower(k)+":"+v+"\n")
		}
	}
	slices.Sort(own)
	date := h["Date"]
	if h["x-mns-date"] != "" {
		date = h["x-mns-date"]
	}
	if _, set := h["Authorization"]; !set {
		h["Authorization"] = "MNS " + s.id + ":" + hmacOf(s.key, method+"\n"+h["Content-MD5"]+"\n"+h["Content-Type"]+"\n"+date+"\n"+strings.Join(own, "")+target)
	}
	for k, v := range h {
		if v != "" {
			r.Header.Set(k, v)
		}
	}
	return s.do(r)
}

// in is the text of an element of the last answer.
func (s *stranger) in(element string) string {
	_, rest, _ := strings.Cut(s.body, "<"+element+">")
	text, _, _ := strings.Cut(rest, "</"+element+">")
	return text
}

func message(body string, more ...string) string {
	return "<Message><MessageBody>" + body + "</MessageBody>" + strings.Join(more, "") + "</Message>"
}

func hex32(i int) string { return fmt.Sprintf("%032x", i) }

func TestAStrangersDoor(t *testing.T) {
	s := newStranger(t, localcloud.Options{})
	at := func(d time.Duration) string { return time.Now().UTC().Add(d).Format("2006-01-02T15:04:05Z") }
	for name, tc := range map[string]struct {
		want   string
		params []string
	}{
		"well signed":              {"200", nil},
		"by GET":                   {"200", []string{"METHOD", "GET"}},
		"by PUT":                   {"4 UnsupportedHTTPMethod", []string{"METHOD", "PUT"}},
		"unknown key":              {"404 InvalidAccessKeyId.NotFound", []string{"AccessKeyId", "nobody"}},
		"wrong signature":          {"400 SignatureDoesNotMatch", []string{"=Signature", "AAAA"}},
		"altered after signing":    {"400 SignatureDoesNotMatch", []string{"PageNo", "1", "=PageNo", "2"}},
		"added after signing":      {"400 SignatureDoesNotMatch", []string{"=PageNo", "2"}},
		"signature that is empty":  {"4", []string{"=Signature", ""}},
		"no nonce":                 {"400 MissingSignatureNonce", []string{"-SignatureNonce", ""}},
		"no timestamp":             {"400 MissingTimestamp", []string{"-Timestamp", ""}},
		"no key":                   {"400 MissingAccessKeyId", []string{"-AccessKeyId", ""}},
		"no version":               {"4", []string{"-Version", ""}},
		"other version":            {"4", []string{"Version", "2016-01-01"}},
		"no action":                {"4", []string{"-Action", ""}},
		"unknown action":           {"404 InvalidApi.NotFound", []string{"Action", "MakeCoffee"}},
		"other signature method":   {"400 InvalidSignatureMethod", []string{"SignatureMethod", "HMAC-MD5"}},
		"other signature version":  {"400", []string{"SignatureVersion", "9"}},
		"old timestamp":            {"400 InvalidTimeStamp.Expired", []string{"Timestamp", at(-20 * time.Minute)}},
		"early timestamp":          {"400 InvalidTimeStamp.Expired", []string{"Timestamp", at(20 * time.Minute)}},
		"timestamp within limits":  {"200", []string{"Timestamp", at(-14 * time.Minute)}},
		"timestamp unreadable":     {"400 InvalidTimeStamp.Format", []string{"Timestamp", "yesterday"}},
		"token that nobody issued": {"4", []string{"SecurityToken", "nothing"}},
		"other format":             {"", []string{"Format", "YAML"}},
		"known limits":             {"200", []string{"RegionId", "eu-central-1"}},
	} {
		t.Run(name, func(t *testing.T) {
			s.t = t
			got := s.call("GetCategories", tc.params...)
			wantStatus, wantCode, exact := strings.Cut(tc.want, " ")
			require.True(t, strings.HasPrefix(got, wantStatus), "%s: %s", got, s.body)
			if exact {
				require.True(t, strings.HasSuffix(got, " "+wantCode), "%s: %s", got, s.body)
			}
			require.NotContains(t, s.body, s.key)
			require.NotContains(t, got, " 5")
		})
	}
	s.t = t
	require.Equal(t, "200", s.call("GetCategories", "SignatureNonce", "twice"))
	require.Equal(t, "400 SignatureNonceUsed", s.call("GetCategories", "SignatureNonce", "twice"))

	require.Equal(t, "404 InvalidVideo.NotFound", s.call("GetVideoInfo", "VideoId", hex32(1), "Format", "XML"))
	require.True(t, strings.HasPrefix(strings.TrimSpace(s.body), "<"), s.body)
	require.Contains(t, s.body, "<Error>")
	require.Contains(t, s.body, "<HostId>")
	require.Equal(t, "404 InvalidVideo.NotFound", s.call("GetVideoInfo", "VideoId", hex32(1), "-Format", ""))
	require.Contains(t, s.body, "<RequestId>", "XML is the default")
	for _, name := range []string{"RequestId", "HostId", "Code", "Message"} {
		s.call("GetVideoInfo", "VideoId", hex32(1))
		require.IsType(t, "", s.answer[name], name)
	}
}

// library fills the local cloud with n videos and answers their ids, the oldest first.
func (s *stranger) library(n int) []string {
	var ids []string
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range n {
		id := hex32(0xa000 + i)
		ids = append(ids, id)
		s.cloud.VOD.Seed(fakevod.Asset{ID: id, Kind: "video", Title: fmt.Sprintf("clip %03d 100%% 標題 & <b>", i), Tags: "tmp,a b", Status: "Normal",
			Created: day.Add(time.Duration(i) * time.Minute), Modified: day, Size: 1000, Duration: 12.5,
			Source:  &fakevod.Source{Status: "Normal", FileName: "a b%20c.mp4", Key: "sv/" + id + ".mp4", Created: day, Media: fakevod.Media{Format: "mp4", Size: 1000, Duration: 12.5, Width: 64, Height: 36, FPS: 25}},
			Streams: []fakevod.Stream{{JobID: hex32(0xb000 + i), Definition: "SD", Format: "mp4", Size: 5, Width: 64, Height: 36, Created: day}, {JobID: hex32(0xc000 + i), Definition: "LD", Format: "m3u8", Size: 5, Width: 64, Height: 36, Created: day}}})
	}
	return ids
}

func TestAStrangersVideos(t *testing.T) {
	s := newStranger(t, localcloud.Options{Start: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)})
	ids := s.library(45)
	many := strings.Join(ids[:21], ",")
	long := func(n int) string { return strings.Repeat("x", n) }

	rows := []struct {
		want, action string
		params       []string
	}{
		{"400 MissingParameter", "GetVideoInfo", nil},
		{"404 InvalidVideo.NotFound", "GetVideoInfo", []string{"VideoId", "no such id % &"}},
		{"200", "GetVideoInfo", []string{"VideoId", ids[0]}},
		{"501", "GetVideoInfo", []string{"VideoId", ids[0], "ReferenceId", "abcdef"}},
		{"501", "GetVideoInfo", []string{"VideoId", ids[0], "Colour", "red"}},
		{"400 MissingParameter", "GetVideoInfos", nil},
		{"400", "GetVideoInfos", []string{"VideoIds", many}},
		{"200", "GetVideoInfos", []string{"VideoIds", ids[0] + "," + hex32(7)}},
		{"404 InvalidVideo.NotFound", "GetVideoInfos", []string{"VideoIds", hex32(7)}},
		{"400", "BatchGetMediaInfos", []string{"MediaIds", many}},
		{"200", "BatchGetMediaInfos", []string{"MediaIds", ids[0] + "," + hex32(7)}},
		{"400", "GetAttachedMediaInfo", []string{"MediaIds", many}},
		{"400", "GetImageInfos", []string{"ImageIds", many}},
		// Listing.
		{"200", "GetVideoList", []string{"PageNo", "1", "PageSize", "100"}},
		{"400", "GetVideoList", []string{"PageSize", "101"}},
		{"400", "GetVideoList", []string{"PageSize", "0"}},
		{"400", "GetVideoList", []string{"PageSize", "-1"}},
		{"400", "GetVideoList", []string{"PageNo", "0"}},
		{"400", "GetVideoList", []string{"PageNo", "1e3"}},
		{"400", "GetVideoList", []string{"PageNo", "99999999999999999999"}},
		{"400 VideoListExceededMax", "GetVideoList", []string{"PageNo", "51", "PageSize", "100"}},
		{"400 InvalidParameter", "GetVideoList", []string{"PageNo", "9223372036854775807", "PageSize", "100"}},
		{"400", "GetVideoList", []string{"SortBy", "Title:Asc"}},
		{"400", "GetVideoList", []string{"StartTime", "2026-01-02"}},
		{"400", "GetVideoList", []string{"StartTime", "2026-01-02T00:00:00Z", "EndTime", "2026-01-01T00:00:00Z"}},
		{"400", "GetVideoList", []string{"Status", "Normal,Sleeping"}},
		{"400", "GetVideoList", []string{"CateId", "sports"}},
		// Search.
		{"200", "SearchMedia", []string{"PageSize", "100"}},
		{"400", "SearchMedia", []string{"PageSize", "101"}},
		{"400", "SearchMedia", []string{"PageNo", "-3"}},
		{"400", "SearchMedia", []string{"SearchType", "painting"}},
		{"400", "SearchMedia", []string{"SortBy", "Title:Desc"}},
		{"400", "SearchMedia", []string{"SortBy", "CreationTime:Sideways"}},
		{"400 ErrorMatchSyntax", "SearchMedia", []string{"Match", "Title=='x'"}},
		{"400 ErrorMatchSyntax", "SearchMedia", []string{"Match", "Size='3'"}},
		{"400 ErrorMatchSyntax", "SearchMedia", []string{"Match", "CoverURL='x'"}},
		{"400 ErrorMatchSyntax", "SearchMedia", []string{"Match", "VideoId in ('" + strings.Repeat("a','", 100) + "b')"}},
		{"400 ErrorMatchSyntax", "SearchMedia", []string{"Match", "not Title='x'"}},
		{"400 ErrorMatchSyntax", "SearchMedia", []string{"Match", "Title='x' or Title='y'"}},
		{"200", "SearchMedia", []string{"Match", "(Title='x' or Title='y') AND Status in (\"Normal\",'Checking')"}},
		{"200", "SearchMedia", []string{"Match", "CreationTime=('2026-01-01T00:00:00Z',)"}},
		{"200", "SearchMedia", []string{"Match", "Duration=[,20)"}},
		{"400 InvalidScrollToken.Expired", "SearchMedia", []string{"ScrollToken", hex32(3), "PageNo", "2"}},
		{"501", "SearchMedia", []string{"SessionId", "x"}},
		// Sources and streams.
		{"404 InvalidVideo.NotFound", "GetMezzanineInfo", []string{"VideoId", hex32(9)}},
		{"400", "GetMezzanineInfo", []string{"VideoId", ids[0], "OutputType", "tape"}},
		{"400", "GetMezzanineInfo", []string{"VideoId", ids[0], "AuthTimeout", "0"}},
		{"400", "GetMezzanineInfo", []string{"VideoId", ids[0], "OutputType", "oss", "AuthTimeout", "2592001"}},
		{"200", "GetMezzanineInfo", []string{"VideoId", ids[0], "OutputType", "oss", "AuthTimeout", "2592000"}},
		{"200", "GetMezzanineInfo", []string{"VideoId", ids[0], "AdditionType", "video,audio"}},
		{"400", "GetMezzanineInfo", []string{"VideoId", ids[0], "AdditionType", "smell"}},
		{"400 JobIdsExceededMax", "DeleteStream", []string{"VideoId", ids[0], "JobIds", many}},
		{"404 InvalidStream.NotFound", "DeleteStream", []string{"VideoId", ids[0], "JobIds", hex32(0xb001)}},
		{"404 InvalidVideo.NotFound", "DeleteStream", []string{"VideoId", hex32(9), "JobIds", hex32(0xb001)}},
		{"400 MissingParameter", "DeleteStream", []string{"VideoId", ids[0]}},
		{"400", "GetPlayInfo", []string{"VideoId", ids[0], "ResultType", "Several"}},
		{"404 InvalidVideo.NoneStream", "GetPlayInfo", []string{"VideoId", ids[0], "Formats", "mp3"}},
		{"400", "DeleteMezzanines", []string{"VideoIds", many}},
		{"400", "DeleteMezzanines", []string{"VideoIds", ids[0], "Force", "perhaps"}},
		{"400 VideoIdsExceededMax", "DeleteVideo", []string{"VideoIds", many}},
		{"404 InvalidVideo.NotFound", "DeleteVideo", []string{"VideoIds", hex32(8) + "," + hex32(9)}},
		{"400 MissingParameter", "DeleteVideo", nil},
		{"400 MissingParameter", "DeleteVideo", []string{"VideoIds", ""}},
		// Writing.
		{"400 LengthExceededMax", "UpdateVideoInfo", []string{"VideoId", ids[0], "Title", long(129)}},
		{"400 LengthExceededMax", "UpdateVideoInfo", []string{"VideoId", ids[0], "Title", strings.Repeat("標", 43)}},
		{"200", "UpdateVideoInfo", []string{"VideoId", ids[0], "Title", strings.Repeat("標", 42)}},
		{"400 LengthExceededMax", "UpdateVideoInfo", []string{"VideoId", ids[0], "Description", long(1025)}},
		{"400 TagsExceededMax", "UpdateVideoInfo", []string{"VideoId", ids[0], "Tags", "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q"}},
		{"400 LengthExceededMax", "UpdateVideoInfo", []string{"VideoId", ids[0], "Tags", long(33)}},
		{"400 IllegalCharacters", "UpdateVideoInfo", []string{"VideoId", ids[0], "Title", "smile 😀"}},
		{"404 InvalidCateId.NotFound", "UpdateVideoInfo", []string{"VideoId", ids[0], "CateId", "424242"}},
		{"400", "UpdateVideoInfo", []string{"VideoId", ids[0], "CateId", "first"}},
		{"400 CountExceededMax", "UpdateVideoInfos", []string{"UpdateContent", "[" + strings.Repeat(`{"VideoId":"x"},`, 20) + `{"VideoId":"x"}]`}},
		{"400", "UpdateVideoInfos", []string{"UpdateContent", "{}"}},
		{"400", "UpdateVideoInfos", []string{"UpdateContent", "[1]"}},
		{"400", "UpdateVideoInfos", []string{"UpdateContent", `[{"Title":"nobody"}]`}},
		{"400", "UpdateVideoInfos", []string{"UpdateContent", `[{"VideoId":`}},
		{"200", "UpdateVideoInfos", []string{"UpdateContent", `[{"VideoId":"` + ids[1] + `","Title":"a b*~+&=/100%25 標題"},{"VideoId":"x","Title":"y"}]`}},
		// Categories.
		{"400 LengthExceededMax", "AddCategory", []string{"CateName", long(65)}},
		{"404 InvalidCateId.NotFound", "AddCategory", []string{"CateName", "x", "ParentId", "77"}},
		{"404 InvalidCateId.NotFound", "UpdateCategory", []string{"CateName", "x", "CateId", "77"}},
		{"404 InvalidCateId.NotFound", "DeleteCategory", []string{"CateId", "77"}},
		{"400", "GetCategories", []string{"PageSize", "101"}},
		// Images, storage, jobs.
		{"404 NoSuchResource", "GetImageInfo", []string{"ImageId", hex32(1)}},
		{"400", "DeleteImage", []string{"DeleteImageType", "Magic"}},
		{"400 MissingParameter", "DeleteImage", []string{"DeleteImageType", "ImageId"}},
		{"400", "DeleteImage", []string{"DeleteImageType", "VideoId", "VideoId", ids[0], "ImageType", "WebVttSnapshot"}},
		{"404 NoSuchResource", "DeleteImage", []string{"DeleteImageType", "ImageId", "ImageIds", hex32(4)}},
		{"400", "UpdateMediaStorageClass", []string{"MediaIds", ids[0], "StorageClass", "Attic"}},
		{"400", "UpdateMediaStorageClass", []string{"MediaIds", many, "StorageClass", "IA"}},
		{"400", "RestoreMedia", []string{"MediaIds", many}},
		{"400", "RefreshMediaPlayUrls", []string{"MediaIds", ids[0], "TaskType", "Polish"}},
		{"400", "RefreshMediaPlayUrls", []string{"MediaIds", many, "TaskType", "Refresh"}},
		{"400", "SubmitAIJob", []string{"MediaId", ids[0], "Types", "AIPoetry"}},
		{"200", "SubmitAIJob", []string{"MediaId", ids[0], "Types", "AIVideoTag,AIMediaDNA"}},
		{"404", "SubmitAIJob", []string{"MediaId", hex32(5), "Types", "AIVideoTag"}},
		{"400", "ListAIJob", []string{"JobIds", "a,b,c,d,e,f,g,h,i,j,k"}},
		{"200", "ListAIJob", []string{"JobIds", "none"}},
		{"400", "CreateAudit", []string{"AuditContent", "nothing"}},
		{"400 MissingParameter", "SetMessageCallback", []string{"CallbackType", "HTTP", "AuthSwitch", "off"}},
		{"400", "SetMessageCallback", []string{"CallbackType", "PIGEON", "CallbackURL", "http://127.0.0.1/"}},
		{"400", "SetMessageCallback", []string{"CallbackType", "HTTP", "CallbackURL", "http://127.0.0.1/" + long(256)}},
		{"400", "SetMessageCallback", []string{"CallbackType", "HTTP", "CallbackURL", "http://127.0.0.1/", "AuthSwitch", "on", "AuthKey", long(33)}},
		// Not emulated, by name.
		{"501", "GetUploadDetails", []string{"MediaIds", ids[0], "MediaType", "video"}},
		{"501", "GetMediaAuditResultTimeline", []string{"MediaId", ids[0]}},
		{"501", "UploadMediaByURL", []string{"UploadURLs", "http://127.0.0.1/a.mp4"}},
		{"501", "GetVideoPlayAuth", []string{"VideoId", ids[0]}},
		// Uploads.
		{"400 MissingParameter", "CreateUploadVideo", []string{"FileName", "a.mp4"}},
		{"400 InvalidFileName.Extension", "CreateUploadVideo", []string{"FileName", "noextension", "Title", "x"}},
		{"400 TagsExceededMax", "CreateUploadVideo", []string{"FileName", "a.mp4", "Title", "x", "Tags", "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q"}},
		{"404 InvalidTemplateGroupId.NotFound", "CreateUploadVideo", []string{"FileName", "a.mp4", "Title", "x", "TemplateGroupId", "none"}},
		{"404 InvalidStorage.NotFound", "CreateUploadVideo", []string{"FileName", "a.mp4", "Title", "x", "StorageLocation", "elsewhere"}},
		{"200", "CreateUploadVideo", []string{"FileName", "a b%20c/d.mp4", "Title", "100% a+b"}},
		{"400", "CreateUploadImage", []string{"ImageType", "poster"}},
		{"400", "CreateUploadImage", []string{"ImageType", "default", "ImageExt", "tiff"}},
		{"400", "CreateUploadAttachedMedia", []string{"BusinessType", "sculpture", "MediaExt", "png"}},
		{"200", "CreateUploadAttachedMedia", []string{"BusinessType", "watermark", "MediaExt", "png", "Title", "a b"}},
		{"404 InvalidVideo.NotFound", "RefreshUploadVideo", []string{"VideoId", hex32(3)}},
	}
	for _, r := range rows {
		got := s.call(r.action, r.params...)
		if got != r.want && (strings.Contains(r.want, " ") || !strings.HasPrefix(got, r.want+" ")) {
			t.Errorf("%s %.150q: %s, not %s: %.300s", r.action, r.params, got, r.want, s.body)
		}
		if r.want == "501" {
			require.Contains(t, s.body, "NotImplemented")
		}
	}
}

// TestAStrangerPages reads a library page by page beyond what paging allows.
func TestAStrangerPages(t *testing.T) {
	s := newStranger(t, localcloud.Options{Start: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)})
	s.library(0)
	require.NoError(t, s.cloud.VOD.Generate(5300, 3))
	require.Equal(t, "200", s.call("SearchMedia", "SearchType", "video", "PageSize", "100"))
	total := s.at("Total").(float64)
	token, seen := s.at("ScrollToken").(string), map[string]bool{}
	require.Len(t, token, 32)
	for page := 1; ; page++ {
		for i := range s.at("MediaList").([]any) {
			id := s.at(fmt.Sprint("MediaList.", i, ".MediaId")).(string)
			require.False(t, seen[id])
			seen[id] = true
		}
		if len(s.at("MediaList").([]any)) == 0 {
			break
		}
		require.Equal(t, "200", s.call("SearchMedia", "SearchType", "video", "PageSize", "100", "PageNo", fmt.Sprint(page+1), "ScrollToken", token), s.body)
		if next, _ := s.at("ScrollToken").(string); next != "" {
			token = next
		}
	}
	require.Len(t, seen, int(total))
	require.True(t, strings.HasPrefix(s.call("SearchMedia", "PageSize", "100", "PageNo", "1", "ScrollToken", token, "SortBy", "CreationTime:Desc,ModificationTime:Asc"), "400"), s.body)

	got := s.call("SearchMedia", "PageSize", "100", "PageNo", "51") // not documented: an error or an empty page
	if got == "200" {
		require.Empty(t, s.at("MediaList"))
	}
	require.Equal(t, "400 VideoListExceededMax", s.call("GetVideoList", "PageSize", "3", "PageNo", "1668"))
	require.Equal(t, "200", s.call("SearchMedia", "PageNo", "3", "Match", "Title='nothing has this'"))
	require.EqualValues(t, 0, s.at("Total"))
}

// TestAStrangersEffects looks at what calls answer and leave behind.
func TestAStrangersEffects(t *testing.T) {
	s := newStranger(t, localcloud.Options{Start: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)})
	ids := s.library(4)
	ok := func(action string, params ...string) {
		t.Helper()
		require.Equal(t, "200", s.call(action, params...), "%s: %s", action, s.body)
	}
	ok("GetVideoInfos", "VideoIds", ids[0]+","+hex32(7))
	require.Equal(t, []any{hex32(7)}, s.at("NonExistVideoIds"))
	require.Equal(t, "clip 000 100% 標題 & <b>", s.at("VideoList.0.Title"))
	ok("GetVideoInfo", "VideoId", ids[0], "Format", "XML")
	require.Contains(t, s.body, "&lt;b&gt;")
	require.NotContains(t, s.body, "& <")
	ok("BatchGetMediaInfos", "MediaIds", ids[0]+","+hex32(7))
	require.Equal(t, []any{hex32(7)}, s.at("NonExistMediaIds"))
	require.IsType(t, []any{}, s.at("MediaInfos.0.PlayInfoList"))
	ok("GetMezzanineInfo", "VideoId", ids[0])
	require.IsType(t, "", s.at("Mezzanine.Duration"))
	require.Equal(t, "a b%20c.mp4", s.at("Mezzanine.FileName"))
	ok("GetPlayInfo", "VideoId", ids[0])
	require.IsType(t, "", s.at("VideoBase.Duration"))
	require.IsType(t, []any{}, s.at("PlayInfoList.PlayInfo"))
	ok("GetVideoList", "CateId", "-1")
	ok("GetVideoList", "StartTime", "2026-01-01T00:01:00Z", "EndTime", "2026-01-01T00:03:00Z")
	require.EqualValues(t, 2, s.at("Total"), "the start is exclusive, the end inclusive")

	ok("UpdateVideoInfos", "UpdateContent", `[{"VideoId":"`+ids[1]+`","Title":"a b*~+&=/100%25 標題"},{"VideoId":"x","Title":"y"}]`)
	require.Equal(t, []any{"x"}, s.at("NonExistVideoIds"))
	ok("GetVideoInfo", "VideoId", ids[1])
	require.Equal(t, "a b*~+&=/100%25 標題", s.at("Video.Title"))
	require.Equal(t, "tmp,a b", s.at("Video.Tags"))
	ok("SearchMedia", "Match", "Title='b*~+&=/100%25'", "Fields", "Title,Tags")
	require.EqualValues(t, 1, s.at("Total"))
	require.Nil(t, s.at("MediaList.0.Video.Status"), "it was not asked for")

	ok("DeleteStream", "VideoId", ids[0], "JobIds", hex32(0xb000))
	ok("GetPlayInfo", "VideoId", ids[0])
	require.Len(t, s.at("PlayInfoList.PlayInfo"), 1)
	require.Equal(t, "404 InvalidStream.NotFound", s.call("DeleteStream", "VideoId", ids[0], "JobIds", hex32(0xb000)))
	ok("DeleteMezzanines", "VideoIds", ids[0]+","+hex32(9))
	require.Equal(t, []any{hex32(9)}, s.at("NonExistVideoIds"))
	ok("DeleteVideo", "VideoIds", ids[0]+","+hex32(9)+","+ids[0])
	require.Equal(t, []any{hex32(9)}, s.at("NonExistVideoIds"))
	require.Equal(t, "404 InvalidVideo.NotFound", s.call("DeleteVideo", "VideoIds", ids[0]))

	// Categories: three levels, and no more.
	parent := "-1"
	for level := range 3 {
		ok("AddCategory", "CateName", fmt.Sprint("level ", level, " %41"), "ParentId", parent)
		require.EqualValues(t, level, s.at("Category.Level"))
		parent = fmt.Sprint(int64(s.at("Category.CateId").(float64)))
	}
	require.Equal(t, "400 LevelExceededMax", s.call("AddCategory", "CateName", "x", "ParentId", parent))
	ok("UpdateVideoInfo", "VideoId", ids[2], "CateId", parent)
	ok("GetVideoInfo", "VideoId", ids[2])
	require.Equal(t, "level 2 %41", s.at("Video.CateName"))
	ok("DeleteCategory", "CateId", parent)
	ok("GetVideoInfo", "VideoId", ids[2])
	require.Contains(t, []any{nil, "", 0.0}, s.at("Video.CateName"), s.body)

	// Attached media.
	ok("CreateUploadAttachedMedia", "BusinessType", "subtitle", "MediaExt", "srt", "Title", "100% & b", "Tags", "x,y")
	attached := s.at("MediaId").(string)
	ok("GetAttachedMediaInfo", "MediaIds", attached+","+hex32(3))
	require.Equal(t, []any{hex32(3)}, s.at("NonExistMediaIds"))
	require.Equal(t, "100% & b", s.at("AttachedMediaList.0.Title"))
	ok("SearchMedia", "SearchType", "attached", "Match", "BusinessType='subtitle'", "Fields", "Title,BusinessType")
	require.Equal(t, attached, s.at("MediaList.0.AttachedMedia.MediaId"))
	ok("DeleteAttachedMedia", "MediaIds", attached+","+hex32(3))
	require.Equal(t, []any{hex32(3)}, s.at("NonExistMediaIds"))
	ok("GetAttachedMediaInfo", "MediaIds", attached)
	require.Empty(t, s.at("AttachedMediaList"))

	// Jobs of analysis.
	ok("SubmitAIJob", "MediaId", ids[2], "Types", "AIVideoTag")
	require.Equal(t, ids[2], s.at("AIJobList.AIJob.0.MediaId"))
	job := s.at("AIJobList.AIJob.0.JobId").(string)
	ok("ListAIJob", "JobIds", job+",none")
	require.Equal(t, []any{"none"}, s.at("NonExistAIJobIds.String"))
	require.Equal(t, "AIVideoTag", s.at("AIJobList.AIJob.0.Type"))

	// Images.
	ok("CreateUploadImage", "ImageType", "default", "ImageExt", "png", "Title", "a b", "OriginalFileName", "a b%20.png")
	image := s.at("ImageId").(string)
	ok("UpdateImageInfos", "UpdateContent", `[{"ImageId":"`+image+`","Title":"new"},{"ImageId":"none","Title":"x"}]`)
	require.Equal(t, []any{"none"}, s.at("NonExistImageIds.ImageId"), "nested, the only one that is")
	ok("GetImageInfos", "ImageIds", image+",none")
	require.Equal(t, []any{"none"}, s.at("NonExistImageIds"))
	ok("RefreshMediaPlayUrls", "MediaIds", ids[2]+",none", "TaskType", "Refresh")
	require.Equal(t, "none", s.at("NonExistMediaIds"), "a string, not a list")
	ok("UpdateMediaStorageClass", "MediaIds", ids[2], "StorageClass", "IA", "Scope", "SourceFile")
	require.Contains(t, []any{"Processing", "Failed"}, s.at("Status"))

	// The callback's forms.
	ok("SetMessageCallback", "CallbackType", "HTTP", "CallbackURL", "http://127.0.0.1:1/a%20b", "AuthSwitch", "on", "AuthKey", "Abc123xyz", "EventTypeList", "ALL")
	ok("GetMessageCallback")
	require.Equal(t, "http://127.0.0.1:1/a%20b", s.at("MessageCallback.CallbackURL"))
	ok("SetMessageCallback", "CallbackType", "MNS", "MnsEndpoint", s.mns, "MnsQueueName", "events", "EventTypeList", "FileUploadComplete,DeleteMediaComplete")
	ok("GetMessageCallback")
	require.Equal(t, "events", s.at("MessageCallback.MnsQueueName"))
	ok("DeleteMessageCallback")
}

// TestAStrangersRole signs with what AssumeRole gave.
func TestAStrangersRole(t *testing.T) {
	s := newStranger(t, localcloud.Options{})
	ids := s.library(2)
	s.cloud.Keys.SetRole("reader", nil)
	assume := func(params ...string) string {
		return s.call("AssumeRole", append([]string{"Version", "2015-04-01", "RoleArn", "acs:ram::" + s.account + ":role/reader", "RoleSessionName", "stranger"}, params...)...)
	}
	for _, bad := range [][]string{{"DurationSeconds", "899"}, {"DurationSeconds", "43201"}, {"RoleArn", "reader"}, {"RoleSessionName", ""}, {"RoleSessionName", "a b"}, {"RoleSessionName", "x"}, {"Policy", "{"}, {"Policy", `{"Version":"1","Statement":[{"Effect":"Perhaps"}]}`}} {
		require.True(t, strings.HasPrefix(assume(bad...), "4"), "%q: %s", bad, s.body)
	}
	require.True(t, strings.HasPrefix(assume("ExternalId", "e"), "501 "), s.body)
	require.Equal(t, "200", assume("DurationSeconds", "900", "Policy", `{"Version":"1","Statement":[{"Effect":"Allow","Action":["vod:Get*"],"Resource":"*"}]}`), s.body)
	require.Contains(t, s.at("AssumedRoleUser.Arn"), "reader/stranger")
	cred := s.at("Credentials").(map[string]any)
	s.id, s.key, s.token = cred["AccessKeyId"].(string), cred["AccessKeySecret"].(string), cred["SecurityToken"].(string)
	require.True(t, strings.HasPrefix(s.id, "STS."))
	require.Equal(t, "200", s.call("GetVideoInfo", "VideoId", ids[0]))
	require.Contains(t, []string{"403 Forbidden.RAM", "403 NoPermission", "403 Forbidden"}, s.call("DeleteVideo", "VideoIds", ids[0]))
	require.True(t, strings.HasPrefix(s.queue("GET", "/queues", ""), "403"), s.body)
	token := s.token
	s.token = ""
	require.True(t, strings.HasPrefix(s.call("GetVideoInfo", "VideoId", ids[0]), "4"), "the token left out: %s", s.body)
	s.token = token[1:]
	require.True(t, strings.HasPrefix(s.call("GetVideoInfo", "VideoId", ids[0]), "400 InvalidSecurityToken"), s.body)
}

func TestAStrangersQueues(t *testing.T) {
	s := newStranger(t, localcloud.Options{})
	check := func(want, method, target, body string, headers ...string) {
		t.Helper()
		got := s.queue(method, target, body, headers...)
		if got != want && (strings.Contains(want, " ") || !strings.HasPrefix(got, want+" ")) {
			t.Errorf("%s %.80s %.80s %q: %s, not %s: %.200s", method, target, body, headers, got, want, s.body)
		}
		if got[0] >= '4' && strings.Contains(s.body, "<Error>") && !strings.Contains(s.body, "<Errors") {
			for _, part := range []string{"<Code>", "<Message>", "<RequestId>", "<HostId>"} {
				require.Contains(t, s.body, part)
			}
			require.Equal(t, s.in("RequestId"), s.head.Get("x-mns-request-id"))
		}
	}
	// The door.
	check("400 MissingAuthorizationHeader", "GET", "/queues", "", "Authorization", "")
	check("400 InvalidAuthorizationHeader", "GET", "/queues", "", "Authorization", "Basic abc")
	check("400 InvalidAuthorizationHeader", "GET", "/queues", "", "Authorization", "MNS nocolon")
	check("403 InvalidAccessKeyId", "GET", "/queues", "", "Authorization", "MNS nobody:AAAA")
	check("403 SignatureDoesNotMatch", "GET", "/queues", "", "Authorization", "MNS "+s.id+":AAAA")
	check("400 MissingVersionHeader", "GET", "/queues", "", "-x-mns-version", "")
	check("400 InvalidDateHeader", "GET", "/queues", "", "Date", "today")
	check("408 TimeExpired", "GET", "/queues", "", "Date", time.Now().UTC().Add(-16*time.Minute).Format(http.TimeFormat))
	check("200", "GET", "/queues", "", "-Date", "", "x-mns-date", time.Now().UTC().Format(http.TimeFormat))
	check("400 InvalidDigest", "PUT", "/queues/q", "<Queue/>", "Content-MD5", "AAAA")
	sum := md5.Sum([]byte("<Queue/>"))
	check("201", "PUT", "/queues/raw", "<Queue/>", "Content-MD5", base64.StdEncoding.EncodeToString(sum[:]))
	check("201", "PUT", "/queues/hex", "<Queue/>", "Content-MD5", base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(sum[:]))))
	// Queues.
	check("201", "PUT", "/queues/q", `<?xml version="1.0"?><Queue xmlns="http://mns.aliyuncs.com/doc/v1/"><VisibilityTimeout>5</VisibilityTimeout></Queue>`)
	require.Contains(t, s.head.Get("Location"), "/queues/q")
	check("204", "PUT", "/queues/q", "<Queue><VisibilityTimeout>5</VisibilityTimeout></Queue>")
	check("409 QueueAlreadyExist", "PUT", "/queues/q", "<Queue><VisibilityTimeout>6</VisibilityTimeout></Queue>")
	check("400 InvalidQueueName", "PUT", "/queues/a_b", "<Queue/>")
	check("400 InvalidQueueName", "PUT", "/queues/a%20b", "<Queue/>")
	check("400 InvalidQueueName", "PUT", "/queues/a%25b", "<Queue/>")
	check("400", "PUT", "/queues/"+strings.Repeat("a", 257), "<Queue/>")
	for _, bad := range []string{"<DelaySeconds>604801</DelaySeconds>", "<MaximumMessageSize>1023</MaximumMessageSize>", "<MaximumMessageSize>65537</MaximumMessageSize>", "<MessageRetentionPeriod>59</MessageRetentionPeriod>",
		"<VisibilityTimeout>0</VisibilityTimeout>", "<VisibilityTimeout>43201</VisibilityTimeout>", "<PollingWaitSeconds>31</PollingWaitSeconds>", "<VisibilityTimeout>soon</VisibilityTimeout>", "<DelaySeconds>-1</DelaySeconds>"} {
		check("400 InvalidArgument", "PUT", "/queues/limits", "<Queue>"+bad+"</Queue>")
	}
	check("400 MalformedXML", "PUT", "/queues/limits", "<Queue>")
	check("404 QueueNotExist", "GET", "/queues/limits", "")
	check("404 QueueNotExist", "PUT", "/queues/limits?metaoverride=true", "<Queue/>")
	check("204", "PUT", "/queues/q?metaoverride=true", "<Queue><PollingWaitSeconds>1</PollingWaitSeconds></Queue>")
	check("200", "GET", "/queues/q", "")
	require.Equal(t, []string{"5", "1", "False"}, []string{s.in("VisibilityTimeout"), s.in("PollingWaitSeconds"), s.in("LoggingEnabled")})
	require.Len(t, s.in("CreateTime"), 10, "in seconds")
	check("200", "GET", "/queues", "", "x-mns-ret-number", "2")
	marker := s.in("NextMarker")
	require.NotEmpty(t, marker)
	check("200", "GET", "/queues", "", "x-mns-marker", marker, "x-mns-ret-number", "1000", "x-mns-with-meta", "true")
	check("400", "GET", "/queues", "", "x-mns-ret-number", "1001")
	check("400", "GET", "/queues", "", "x-mns-ret-number", "0")
	check("400", "GET", "/queues", "", "x-mns-marker", "%%%")
	check("200", "GET", "/queues", "", "x-mns-prefix", "nothing-")
	require.NotContains(t, s.body, "<Queue>")

	// Messages.
	check("404 MessageNotExist", "GET", "/queues/q/messages?waitseconds=0", "")
	check("404 QueueNotExist", "POST", "/queues/none/messages", message("x"))
	check("400 MalformedXML", "POST", "/queues/q/messages", "hello")
	check("400", "POST", "/queues/q/messages", "<Message/>")
	check("400", "POST", "/queues/q/messages", "<Letter><MessageBody>x</MessageBody></Letter>")
	for _, bad := range []string{"<Priority>0</Priority>", "<Priority>17</Priority>", "<DelaySeconds>604801</DelaySeconds>", "<DelaySeconds>x</DelaySeconds>"} {
		check("400 InvalidArgument", "POST", "/queues/q/messages", message("x", bad))
	}
	check("400", "POST", "/queues/q/messages", message(strings.Repeat("x", 65537)))
	check("201", "POST", "/queues/q/messages", message("aGk="))
	require.Equal(t, "9A2FC0017AF31B9194A45FB6819E6DAA", s.in("MessageBodyMD5"))
	check("200", "GET", "/queues/q/messages?peekonly=true", "")
	require.Equal(t, []string{"aGk=", "0", "8", ""}, []string{s.in("MessageBody"), s.in("DequeueCount"), s.in("Priority"), s.in("ReceiptHandle")})
	require.Equal(t, s.in("EnqueueTime"), s.in("FirstDequeueTime"))
	check("200", "GET", "/queues/q/messages?waitseconds=0", "")
	first := s.in("ReceiptHandle")
	require.Equal(t, "1", s.in("DequeueCount"))
	require.Len(t, s.in("NextVisibleTime"), 13, "in milliseconds")
	check("404 MessageNotExist", "GET", "/queues/q/messages?peekonly=true", "")
	change := "/queues/q/messages?ReceiptHandle=" + url.QueryEscape(first) + "&VisibilityTimeout="
	check("400 InvalidArgument", "PUT", change+"0", "")
	check("400 InvalidArgument", "PUT", change+"43201", "")
	check("400 InvalidArgument", "PUT", change+"soon", "")
	check("400 MissingVisibilityTimeout", "PUT", "/queues/q/messages?ReceiptHandle="+first, "")
	check("400 MissingReceiptHandle", "PUT", "/queues/q/messages?VisibilityTimeout=3", "")
	check("200", "PUT", change+"1", "")
	require.Contains(t, s.body, "<ChangeVisibility")
	second := s.in("ReceiptHandle")
	require.NotEqual(t, first, second)
	check("404 MessageNotExist", "DELETE", "/queues/q/messages?ReceiptHandle="+first, "")
	check("200", "GET", "/queues/q/messages?waitseconds=10", "")
	require.Equal(t, "2", s.in("DequeueCount"), "the long poll ends when the message is visible again")
	third := s.in("ReceiptHandle")
	check("404 MessageNotExist", "DELETE", "/queues/q/messages?ReceiptHandle="+second, "")
	check("204", "DELETE", "/queues/q/messages?receiptHandle="+third, "")
	check("404 MessageNotExist", "DELETE", "/queues/q/messages?ReceiptHandle="+third, "")
	check("400", "DELETE", "/queues/q/messages?ReceiptHandle=%25%25", "")
	check("400", "DELETE", "/queues/q/messages?ReceiptHandle=", "")
	check("400", "GET", "/queues/q/messages?waitseconds=31", "")
	check("400", "GET", "/queues/q/messages?WaitSeconds=1", "")
	check("400", "GET", "/queues/q/messages?numOfMessages=17", "")
	check("400", "GET", "/queues/q/messages?numOfMessages=0", "")
	check("400", "GET", "/queues/q/messages?numOfMessages=x", "")

	// Batches.
	check("201", "POST", "/queues/q/messages", "<Messages>"+message("a", "<Priority>9</Priority>")+message("b &amp; c", "<Priority>1</Priority>")+"</Messages>")
	require.Equal(t, 2, strings.Count(s.body, "<MessageBodyMD5>"))
	check("500", "POST", "/queues/q/messages", "<Messages>"+message("fine")+message("x", "<Priority>17</Priority>")+"</Messages>")
	require.Equal(t, []int{1, 1}, []int{strings.Count(s.body, "<MessageId>"), strings.Count(s.body, "<ErrorCode>")})
	check("400", "POST", "/queues/q/messages", "<Messages>"+strings.Repeat(message("x"), 17)+"</Messages>")
	check("400", "POST", "/queues/q/messages", "<Messages></Messages>")
	check("400", "POST", "/queues/q/messages", "<Messages>"+strings.Repeat(message(strings.Repeat("y", 8000)), 9)+"</Messages>")
	check("200", "GET", "/queues/q/messages?numOfMessages=16&waitseconds=0", "")
	require.Equal(t, 3, strings.Count(s.body, "<Message>"))
	require.Equal(t, "b &amp; c", s.in("MessageBody"), "priority 1 comes first")
	var handles []string
	for _, part := range strings.Split(s.body, "<ReceiptHandle>")[1:] {
		h, _, _ := strings.Cut(part, "<")
		handles = append(handles, "<ReceiptHandle>"+h+"</ReceiptHandle>")
	}
	check("404", "DELETE", "/queues/q/messages", "<ReceiptHandles>"+handles[0]+handles[1]+"<ReceiptHandle>1-none</ReceiptHandle></ReceiptHandles>")
	require.Contains(t, s.body, "<Errors")
	require.Equal(t, 1, strings.Count(s.body, "<ErrorCode>"), "only what failed")
	require.Equal(t, "1-none", s.in("ReceiptHandle"))
	check("204", "DELETE", "/queues/q/messages", "<ReceiptHandles>"+handles[2]+"</ReceiptHandles>")
	check("400", "DELETE", "/queues/q/messages", "<ReceiptHandles>"+strings.Repeat(handles[2], 17)+"</ReceiptHandles>")

	// A delay, and its handle.
	check("201", "POST", "/queues/q/messages", message("later", "<DelaySeconds>600</DelaySeconds>"))
	require.NotEmpty(t, s.in("ReceiptHandle"))
	check("200", "PUT", "/queues/q/messages?ReceiptHandle="+s.in("ReceiptHandle")+"&VisibilityTimeout=1", "")
	check("200", "GET", "/queues/q/messages?waitseconds=10", "")
	require.Equal(t, "later", s.in("MessageBody"))

	// Properties of a message.
	property := func(name, value, kind string) string {
		return "<PropertyValue><Name>" + name + "</Name><Value>" + value + "</Value><Type>" + kind + "</Type></PropertyValue>"
	}
	user := func(p ...string) string { return "<UserProperties>" + strings.Join(p, "") + "</UserProperties>" }
	check("201", "POST", "/queues/hex/messages", message("x", user(property("a.b-c_1", "v &lt;", "STRING"), property("n", "12", "NUMBER"), property("f", "true", "BOOLEAN"), property("d", "aGk=", "BINARY"))))
	check("200", "GET", "/queues/hex/messages?waitseconds=0", "")
	require.Contains(t, s.body, "<Name>a.b-c_1</Name>")
	for _, bad := range []string{property(".a", "v", "STRING"), property("a..b", "v", "STRING"), property("a b", "v", "STRING"), property("a", "v", "COLOUR"), property("a", strings.Repeat("v", 4097), "STRING"),
		property(strings.Repeat("a", 257), "v", "STRING"), property("a", "%%", "BINARY"), strings.Repeat(property("a", "v", "STRING"), 51), property("a", "v", "")} {
		check("400", "POST", "/queues/hex/messages", message("x", user(bad)))
	}
	for _, lacks := range []string{"<MessageGroupId>g</MessageGroupId>", "<SystemProperties><SystemPropertyValue><Name>baggage</Name><Value>v</Value><Type>STRING</Type></SystemPropertyValue></SystemProperties>"} {
		check("501", "POST", "/queues/hex/messages", message("x", lacks))
	}

	// Topics.
	check("201", "PUT", "/topics/news", "<Topic/>")
	check("204", "PUT", "/topics/news", "<Topic/>")
	check("409 TopicAlreadyExist", "PUT", "/topics/news", "<Topic><MaximumMessageSize>2048</MaximumMessageSize></Topic>")
	check("404 TopicNotExist", "POST", "/topics/none/messages", message("x"))
	end := func(queue, more string) string {
		return "<Subscription><Endpoint>acs:mns:" + s.region + ":" + s.account + ":queues/" + queue + "</Endpoint>" + more + "</Subscription>"
	}
	check("201", "PUT", "/topics/news/subscriptions/raw", end("raw", "<NotifyContentFormat>SIMPLIFIED</NotifyContentFormat>"))
	check("204", "PUT", "/topics/news/subscriptions/raw", end("raw", "<NotifyContentFormat>SIMPLIFIED</NotifyContentFormat>"))
	check("409 SubscriptionAlreadyExist", "PUT", "/topics/news/subscriptions/raw", end("raw", ""))
	check("400", "PUT", "/topics/news/subscriptions/tagged", end("raw", "<FilterTag>"+strings.Repeat("t", 17)+"</FilterTag>"))
	check("400", "PUT", "/topics/news/subscriptions/x", end("raw", "<NotifyStrategy>NEVER</NotifyStrategy>"))
	check("400", "PUT", "/topics/news/subscriptions/x", end("raw", "<NotifyContentFormat>MORSE</NotifyContentFormat>"))
	check("501", "PUT", "/topics/news/subscriptions/x", "<Subscription><Endpoint>http://127.0.0.1:1/</Endpoint></Subscription>")
	check("201", "POST", "/topics/news/messages", message("tell", "<MessageTag>t</MessageTag>"))
	check("200", "GET", "/queues/raw/messages?waitseconds=10", "")
	require.Equal(t, "tell", s.in("MessageBody"))
	check("501", "POST", "/topics/news/messages", message("x", user(property("a", "v", "STRING"))))
	check("501", "POST", "/topics/news/messages", message("x", `<MessageAttributes><DirectMail>{}</DirectMail></MessageAttributes>`))
	check("404", "GET", "/topics/news/subscriptions/none", "")
	check("200", "GET", "/topics/news/subscriptions", "")
	check("204", "DELETE", "/topics/news", "")
	check("501", "GET", "/?accountmeta=true", "")
	check("501", "POST", "/commonbuy/openservice", "")
	check("400 InvalidRequestURL", "GET", "/nothing/here", "")
	check("204", "DELETE", "/queues/q", "")
	check("404 QueueNotExist", "GET", "/queues/q/messages", "")
}
