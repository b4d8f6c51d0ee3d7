package fakevod

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // signature v1 is defined with it
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// envelope is what the gateway needs of a request, whichever generation of the
// protocol it speaks.
type envelope struct {
	q                                          url.Values // query and body; the body wins, as in the text that is signed
	action, version, keyID, token, date, nonce string
	bearer                                     string // in place of a signature
	xml                                        bool   // the answer's format
	refused                                    *fault // what is wrong with it once the action is known
	verify                                     func(secret string) *fault
}

// open reads a request: signature v1, HMAC-SHA1 over the parameters, or the third
// version, ACS3-HMAC-SHA256 over headers, query and the body's hash.
func open(r *http.Request) (envelope, *fault) {
	e := envelope{q: url.Values{}}
	bad := refuse(400, "InvalidParameter", "The specified parameter is not valid.")
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err == nil {
		e.q = q
	}
	third := strings.HasPrefix(r.Header.Get("Authorization"), "ACS3-") || r.Header.Get("X-Acs-Action") != "" && e.q.Get("Action") == "" && e.q.Get("Signature") == ""
	e.xml = inXML(e.q)
	if third {
		e.xml = strings.Contains(r.Header.Get("Accept"), "xml")
	}
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		return e, refuse(400, "UnsupportedHTTPMethod", "This http method is not supported.")
	}
	if err != nil {
		return e, bad
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil || len(body) > maxBody {
		return e, bad
	}
	form, ok := parameters(r.Header.Get("Content-Type"), body, third)
	if !ok {
		return e, bad
	}
	maps.Copy(e.q, form)
	if third {
		e.third(r, body)
	} else {
		e.xml = inXML(e.q)
		e.first(r.Method)
	}
	for _, f := range []struct{ name, value string }{{"Action", e.action}, {"Version", e.version}} {
		if f.value == "" {
			return e, missingCommon(f.name)
		}
	}
	return e, nil
}

// inXML: XML is the documented default.
func inXML(q url.Values) bool {
	return q.Get("Format") == "" || strings.EqualFold(q.Get("Format"), "XML")
}

// parameters reads a body: a form, or for the third version also a JSON object whose
// values that are no text stay JSON.
func parameters(contentType string, body []byte, third bool) (url.Values, bool) {
	kind, _, _ := mime.ParseMediaType(contentType)
	switch {
	case len(body) == 0:
	case kind == "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(body))
		return form, err == nil
	case third && kind == "application/json":
		var object map[string]json.RawMessage
		if err := json.Unmarshal(body, &object); err != nil {
			return nil, false
		}
		out := url.Values{}
		for name, raw := range object {
			var text string
			if json.Unmarshal(raw, &text) != nil {
				text = string(raw)
			}
			out.Set(name, text)
		}
		return out, true
	}
	return nil, true
}

func missingCommon(name string) *fault {
	return refuse(400, "Missing"+name, name+" is mandatory for this action.")
}

func invalidCommon(name string) *fault {
	return refuse(400, "Invalid"+name, "Specified parameter "+name+" is not valid.")
}

// first is signature v1.
func (e *envelope) first(method string) {
	q := e.q
	e.action, e.version, e.keyID, e.token = q.Get("Action"), q.Get("Version"), q.Get("AccessKeyId"), q.Get("SecurityToken")
	e.date, e.nonce = q.Get("Timestamp"), q.Get("SignatureNonce")
	needed := []string{"AccessKeyId", "SignatureMethod", "SignatureVersion", "SignatureNonce", "Timestamp", "Signature"}
	if q.Get("SignatureType") == "BEARERTOKEN" {
		needed = []string{"BearerToken", "SignatureNonce", "Timestamp"}
		e.bearer = q.Get("BearerToken")
	}
	for _, name := range needed {
		if q.Get(name) == "" {
			e.refused = missingCommon(name)
			return
		}
	}
	for name, takes := range map[string]string{"Format": "JSON XML", "SignatureMethod": "HMAC-SHA1", "SignatureVersion": "1.0", "SignatureType": "BEARERTOKEN"} {
		v := q.Get(name)
		if name == "Format" {
			v = strings.ToUpper(v)
		}
		if v != "" && !slices.Contains(strings.Fields(takes), v) {
			e.refused = invalidCommon(name)
			return
		}
	}
	e.verify = func(secret string) *fault {
		text := stringToSign(method, q)
		h := hmac.New(sha1.New, []byte(secret+"&"))
		h.Write(text)
		if want := base64.StdEncoding.EncodeToString(h.Sum(nil)); !hmac.Equal([]byte(want), []byte(q.Get("Signature"))) {
			return refuse(400, "SignatureDoesNotMatch", "Specified signature is not matched with our calculation. server string to sign is:"+string(text))
		}
		return nil
	}
}

// third is ACS3-HMAC-SHA256. Its own error words are not documented; v1's stand for them.
func (e *envelope) third(r *http.Request, body []byte) {
	h := r.Header
	e.action, e.version, e.token = h.Get("X-Acs-Action"), h.Get("X-Acs-Version"), h.Get("X-Acs-Security-Token")
	e.date, e.nonce = h.Get("X-Acs-Date"), h.Get("X-Acs-Signature-Nonce")
	for name, as := range map[string]string{"X-Acs-Date": "Timestamp", "X-Acs-Signature-Nonce": "SignatureNonce"} {
		if h.Get(name) == "" {
			e.refused = missingCommon(as)
			return
		}
	}
	if h.Get("X-Acs-Signature-Type") == "BEARERTOKEN" || e.q.Get("SignatureType") == "BEARERTOKEN" {
		if e.bearer = h.Get("X-Acs-Bearer-Token"); e.bearer == "" {
			e.refused = missingCommon("BearerToken")
		}
		return
	}
	auth, ok := strings.CutPrefix(h.Get("Authorization"), "ACS3-HMAC-SHA256 ")
	switch {
	case h.Get("Authorization") == "":
		e.refused = missingCommon("Authorization")
		return
	case !ok:
		e.refused = invalidCommon("SignatureMethod")
		return
	}
	fields := map[string]string{}
	for part := range strings.SplitSeq(auth, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		fields[name] = value
	}
	signed := strings.Split(fields["SignedHeaders"], ";")
	sum := sha256.Sum256(body)
	given := h.Get("X-Acs-Content-Sha256")
	if e.keyID = fields["Credential"]; e.keyID == "" || fields["Signature"] == "" || !covers(h, signed) || !strings.EqualFold(given, hex.EncodeToString(sum[:])) {
		e.refused = refuse(400, "IncompleteSignature", "The request signature does not conform to Aliyun standards.")
		return
	}
	canonical := canonicalRequest(r, signed, given)
	e.verify = func(secret string) *fault {
		sum := sha256.Sum256([]byte(canonical))
		text := "ACS3-HMAC-SHA256\n" + hex.EncodeToString(sum[:])
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(text))
		if !hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(fields["Signature"])) {
			return refuse(400, "SignatureDoesNotMatch", "Specified signature is not matched with our calculation. server StringToSign is ["+text+"], server CanonicalRequest is ["+canonical+"].")
		}
		return nil
	}
}

// covers says whether everything that has to be signed is.
func covers(h http.Header, signed []string) bool {
	if !slices.Contains(signed, "host") {
		return false
	}
	for name := range h {
		if low := strings.ToLower(name); strings.HasPrefix(low, "x-acs-") && !slices.Contains(signed, low) {
			return false
		}
	}
	return true
}

func canonicalRequest(r *http.Request, signed []string, payload string) string {
	var b strings.Builder
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	b.WriteString(r.Method + "\n" + path + "\n")
	q := r.URL.Query()
	for i, name := range sortedNames(q) {
		if i > 0 {
			b.WriteByte('&')
		}
		b.Write(percent(nil, name))
		b.WriteByte('=')
		b.Write(percent(nil, q.Get(name)))
	}
	b.WriteByte('\n')
	for _, name := range signed {
		value := strings.Join(r.Header.Values(name), ",")
		if name == "host" {
			value = r.Host
		}
		b.WriteString(name + ":" + strings.TrimSpace(value) + "\n")
	}
	b.WriteString("\n" + strings.Join(signed, ";") + "\n" + payload)
	return b.String()
}

// asXML writes a JSON object as the XML of the same answer: members become elements,
// and each of a list's an element of the list's name.
func asXML(root string, body []byte) []byte {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil { // only our own JSON comes here
		panic(err)
	}
	var out bytes.Buffer
	out.WriteString("<?xml version='1.0' encoding='UTF-8'?>")
	writeXML(&out, root, v)
	return out.Bytes()
}

func writeXML(out *bytes.Buffer, name string, v any) {
	if list, ok := v.([]any); ok {
		for _, one := range list {
			writeXML(out, name, one)
		}
		return
	}
	out.WriteString("<" + name + ">")
	switch v := v.(type) {
	case map[string]any:
		if id, ok := v["RequestId"]; ok { // first, as in the samples
			writeXML(out, "RequestId", id)
			delete(v, "RequestId")
		}
		for _, member := range slices.Sorted(maps.Keys(v)) {
			writeXML(out, member, v[member])
		}
	case string:
		_ = xml.EscapeText(out, []byte(v)) // into memory
	case json.Number:
		out.WriteString(v.String())
	case bool:
		out.WriteString(map[bool]string{true: "true", false: "false"}[v])
	}
	out.WriteString("</" + name + ">")
}
