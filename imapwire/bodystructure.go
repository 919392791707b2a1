package imapwire

import (
	"strconv"
	"strings"

	"restante/imap"
)

func init() {
	fetchItems.add("BODYSTRUCTURE", fetchItem{ask: plainItem, value: (*scanner).bodyStructure})
}

func (p *scanner) bodyStructure(d *FetchData, name string) bool {
	return p.structure(d, name, imap.ItemStructure)
}

// emptyText describes a text part without content. It stands where the grammar wants a body and
// the message has none: in a multipart without parts and in message/rfc822 that was not taken
// apart.
const emptyText = `("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0`

// AppendBodyStructure appends p as it stands in a FETCH response: BODYSTRUCTURE when extended,
// BODY otherwise (RFC 9051 §7.5.2). What the grammar demands and p does not have gets the default
// of RFC 2045: a missing encoding is 7BIT, unknown sizes and line counts are 0.
func AppendBodyStructure(dst []byte, p *imap.Part, extended bool) []byte {
	if p == nil || p.Opaque {
		p = &imap.Part{}
	}
	if p.Multipart() {
		return appendMultipart(dst, p, extended)
	}
	typ, subtype := p.Type, p.Subtype
	if typ == "" {
		typ, subtype = "application", "octet-stream"
	}
	isText := strings.EqualFold(typ, "text")
	if subtype == "" {
		subtype = "octet-stream"
		if isText {
			subtype = "plain"
		}
	}
	dst = append(appendText(append(dst, '('), typ), ' ')
	dst = append(appendText(dst, subtype), ' ')
	dst = append(appendParams(dst, p.Params), ' ')
	dst = append(appendNString(dst, p.ContentID), ' ')
	dst = append(appendNString(dst, p.Description), ' ')
	if p.Encoding == "" {
		dst = append(dst, `"7bit" `...)
	} else {
		dst = append(appendText(dst, p.Encoding), ' ')
	}
	dst = appendCount(dst, p.Size)

	switch {
	case isText:
		dst = appendCount(append(dst, ' '), p.Lines)
	case isMessage(p):
		dst = append(AppendEnvelope(append(dst, ' '), p.Envelope), ' ')
		if len(p.Parts) > 0 {
			dst = AppendBodyStructure(dst, p.Parts[0], extended)
		} else {
			dst = appendEmptyText(dst, extended)
		}
		dst = appendCount(append(dst, ' '), p.Lines)
	}
	if extended {
		dst = appendNString(append(dst, ' '), p.MD5)
		dst = appendExtension(dst, p)
	}
	return append(dst, ')')
}

func appendMultipart(dst []byte, p *imap.Part, extended bool) []byte {
	dst = append(dst, '(')
	for _, child := range p.Parts {
		dst = AppendBodyStructure(dst, child, extended)
	}
	if len(p.Parts) == 0 {
		dst = appendEmptyText(dst, extended)
	}
	dst = append(dst, ' ')
	if p.Subtype == "" {
		dst = append(dst, `"mixed"`...)
	} else {
		dst = appendText(dst, p.Subtype)
	}
	if extended {
		dst = appendParams(append(dst, ' '), p.Params)
		dst = appendExtension(dst, p)
	}
	return append(dst, ')')
}

func appendEmptyText(dst []byte, extended bool) []byte {
	dst = append(dst, emptyText...)
	if extended {
		dst = append(dst, " NIL NIL NIL NIL"...)
	}
	return append(dst, ')')
}

// appendExtension appends the extension data that single parts and multiparts share:
// body-fld-dsp, body-fld-lang, body-fld-loc.
func appendExtension(dst []byte, p *imap.Part) []byte {
	if p.Disposition == "" && len(p.DispParams) == 0 {
		dst = append(dst, " NIL "...)
	} else {
		dst = append(appendText(append(dst, " ("...), p.Disposition), ' ')
		dst = append(appendParams(dst, p.DispParams), ") "...)
	}
	switch len(p.Language) {
	case 0:
		dst = append(dst, "NIL"...)
	case 1:
		dst = appendText(dst, p.Language[0])
	default:
		for i, tag := range p.Language {
			c := byte(' ')
			if i == 0 {
				c = '('
			}
			dst = appendText(append(dst, c), tag)
		}
		dst = append(dst, ')')
	}
	return appendNString(append(dst, ' '), p.Location)
}

func appendParams(dst []byte, params imap.Params) []byte {
	if len(params) == 0 {
		return append(dst, "NIL"...)
	}
	for i, x := range params {
		c := byte(' ')
		if i == 0 {
			c = '('
		}
		dst = append(appendText(append(dst, c), x.Name), ' ')
		dst = appendText(dst, x.Value)
	}
	return append(dst, ')')
}

// isMessage reports whether the grammar wants an envelope and a body inside p: media-message of
// RFC 9051 §9.
func isMessage(p *imap.Part) bool {
	return p.Is("message", "rfc822") || p.Is("message", "global")
}

// appendCount appends a number, 0 when it is not known.
func appendCount(dst []byte, n int64) []byte {
	return strconv.AppendInt(dst, max(n, 0), 10)
}

// maxPartDepth is how deep parts may lie in one another. What lies deeper is opaque.
const maxPartDepth = 100

// partNode is a part in the scratch space, where its relatives are known by their index.
type partNode struct {
	part        imap.Part
	first, next int // child and sibling, -1: none
	children    int
	params      [2]int // from, to
	dispParams  [2]int
}

// structure parses the value of BODYSTRUCTURE and BODY.
func (p *scanner) structure(d *FetchData, name string, item imap.MessageItems) bool {
	return p.twice(name, func() bool {
		p.nodes, p.params, p.unclosed = p.nodes[:0], p.params[:0], false
		p.strayEmpty()
		root, ok := p.body(0)
		if ok {
			d.Structure, d.Items = p.buildTree(root), d.Items|item
		}
		clear(p.nodes)
		clear(p.params)
		return ok
	})
}

// buildTree makes the tree of the parts in the scratch space, with few allocations.
func (p *scanner) buildTree(root int) *imap.Part {
	parts := make([]imap.Part, len(p.nodes))
	var links []*imap.Part
	if len(parts) > 1 {
		links = make([]*imap.Part, 0, len(parts)-1)
	}
	var params imap.Params
	if len(p.params) > 0 {
		params = make(imap.Params, len(p.params))
		copy(params, p.params)
	}
	for i := range p.nodes {
		n := &p.nodes[i]
		part := &parts[i]
		*part = n.part
		if n.params[0] < n.params[1] {
			part.Params = params[n.params[0]:n.params[1]:n.params[1]]
		}
		if n.dispParams[0] < n.dispParams[1] {
			part.DispParams = params[n.dispParams[0]:n.dispParams[1]:n.dispParams[1]]
		}
		if n.children > 0 {
			from := len(links)
			for c := n.first; c >= 0; c = p.nodes[c].next {
				links = append(links, &parts[c])
			}
			part.Parts = links[from:len(links):len(links)]
		}
	}
	numberParts(&parts[root])
	return &parts[root]
}

// numberParts gives the parts of a message their numbers (RFC 9051 §6.4.5.1): a message that is
// not multipart has the part 1; the parts of an enclosed message carry the number of the
// message/rfc822 in front.
func numberParts(root *imap.Part) {
	if !root.Multipart() {
		root.ID = "1"
	}
	numberChildren(root)
}

func numberChildren(p *imap.Part) {
	if p.Multipart() {
		for i, child := range p.Parts {
			child.ID = childID(p.ID, i+1)
			numberChildren(child)
		}
		return
	}
	for _, body := range p.Parts { // the one of message/rfc822
		if body.Multipart() {
			// It has no number of its own; its parts continue that of the message.
			body.ID = p.ID
		} else {
			body.ID = childID(p.ID, 1)
		}
		numberChildren(body)
	}
}

// childIDs holds the part numbers of nearly all mail.
var childIDs = func() (t [10][10]string) {
	for i := range t {
		for j := range t[i] {
			t[i][j] = strconv.Itoa(i) + "." + strconv.Itoa(j)
		}
	}
	return t
}()

func childID(parent string, n int) string {
	switch {
	case parent == "":
		return strconv.Itoa(n)
	case len(parent) == 1 && n < 10:
		return childIDs[parent[0]-'0'][n]
	}
	return parent + "." + strconv.Itoa(n)
}

// body parses one body into the scratch space and returns its index.
//
//	body = "(" (body-type-1part / body-type-mpart) ")"
func (p *scanner) body(depth int) (int, bool) {
	start := p.mark()
	if !p.take('(') {
		return 0, false
	}
	self := len(p.nodes)
	p.nodes = append(p.nodes, partNode{first: -1, next: -1, part: imap.Part{Size: -1, Lines: -1}})
	if depth > maxPartDepth {
		return self, p.opaquePart(self, start, "nested too deep")
	}
	nodes, params := len(p.nodes), len(p.params)
	p.space()
	var ok bool
	if p.strayEmpty(); p.peek() == '(' {
		ok = p.multipart(self, depth)
	} else {
		ok = p.singlePart(self, depth)
	}
	if ok && p.closeList() {
		return self, true
	}
	// By the repair rules too: this part is lost, its siblings need not be.
	if !p.repair || depth == 0 || p.unclosed {
		return self, false
	}
	p.nodes, p.params = p.nodes[:nodes], p.params[:params]
	return self, p.opaquePart(self, start, "part cannot be parsed")
}

// opaquePart keeps the text of a part instead of its contents.
func (p *scanner) opaquePart(self int, start mark, why string) bool {
	p.i = start.i
	if !p.skip() {
		p.unclosed = true // and so is every part around it
		return false
	}
	raw := p.s[start.i:p.i]
	p.defect(why, raw)
	p.nodes[self] = partNode{first: -1, next: p.nodes[self].next,
		part: imap.Part{Opaque: true, Raw: raw, Size: -1, Lines: -1}}
	return true
}

// closeList skips extension data that nobody knows (body-extension) and consumes the parenthesis.
func (p *scanner) closeList() bool {
	for !p.take(')') {
		if !p.skip() {
			return false
		}
	}
	return true
}

// multipart parses
//
//	body-type-mpart = 1*body SP media-subtype [SP body-ext-mpart]
func (p *scanner) multipart(self, depth int) bool {
	last := -1
	for {
		p.space()
		if p.peek() != '(' && !p.strayEmpty() {
			break
		}
		// An empty list where a part is due is one that the server lost.
		child, ok := p.body(depth + 1)
		if !ok {
			return false
		}
		if last < 0 {
			p.nodes[self].first = child
		} else {
			p.nodes[last].next = child
		}
		last = child
		p.nodes[self].children++
	}
	p.nodes[self].part.Type = "multipart"
	if p.peek() == ')' {
		p.defect("multipart without a subtype", "")
		p.nodes[self].part.Subtype = "mixed"
		return true
	}
	subtype, null, ok := p.nstring()
	if !ok {
		return false
	}
	if null || subtype == "" {
		p.defect("multipart without a subtype", "")
		subtype = "mixed"
	}
	p.nodes[self].part.Subtype = subtype
	return p.multipartExtension(self)
}

// multipartExtension parses
//
//	body-ext-mpart = body-fld-param [SP body-fld-dsp [SP body-fld-lang [SP body-fld-loc
//	                 *(SP body-extension)]]]
func (p *scanner) multipartExtension(self int) bool {
	if p.space(); p.peek() == ')' {
		return true
	}
	var ok bool
	if p.nodes[self].params, ok = p.paramList(); !ok {
		return false
	}
	return p.extension(self)
}

// singlePart parses
//
//	body-type-1part = (body-type-basic / body-type-msg / body-type-text) [SP body-ext-1part]
//	body-type-basic = media-basic SP body-fields
//	body-type-msg   = media-message SP body-fields SP envelope SP body SP body-fld-lines
//	body-type-text  = media-text SP body-fields SP body-fld-lines
func (p *scanner) singlePart(self, depth int) bool {
	part := &p.nodes[self].part // valid until the next part is parsed
	if p.peek() == ')' {
		p.defect("empty part", "()")
		part.Type, part.Subtype = "application", "octet-stream"
		return true
	}
	var nullType, null, ok bool
	if part.Type, nullType, ok = p.nstring(); !ok {
		return false
	}
	p.space()
	if c := p.peek(); c == '(' {
		return p.typeMissing(self)
	}
	if part.Subtype, null, ok = p.nstring(); !ok {
		return false
	}
	switch {
	case nullType && null:
		p.defect("part without a type", "")
		part.Type, part.Subtype = "application", "octet-stream"
	case nullType && p.emptyMultipart(self):
		return true
	}
	if p.space(); p.peek() == ')' {
		return p.short()
	}
	if p.nodes[self].params, ok = p.paramList(); !ok {
		return false
	}
	return p.bodyFields(part) && p.bodyTail(self, depth) && p.singleExtension(self)
}

// short records that a part ends before its grammar does.
func (p *scanner) short() bool {
	p.defect("part too short", "")
	return true
}

// emptyMultipart takes (NIL "alternative" ("boundary" ...) NIL NIL NIL), with which some servers
// describe a multipart without parts. It cannot be told from a part without a type but by what
// comes after: a part has an encoding and a size.
func (p *scanner) emptyMultipart(self int) bool {
	start, params := p.mark(), len(p.params)
	if p.multipartExtension(self) {
		if p.space(); p.peek() == ')' {
			p.defect("multipart without parts", "")
			p.nodes[self].part.Type = "multipart"
			return true
		}
	}
	p.rewind(start)
	p.params = p.params[:params]
	n := &p.nodes[self]
	n.part = imap.Part{Type: "application", Subtype: n.part.Subtype, Size: -1, Lines: -1}
	n.dispParams = [2]int{}
	return false
}

// typeMissing parses a part of which only one media type was sent. ("ALTERNATIVE" ("BOUNDARY" "b")
// NIL NIL) is a multipart without parts, ("X-ZIP" (...) NIL NIL "base64" 4096) a part.
func (p *scanner) typeMissing(self int) bool {
	n := &p.nodes[self]
	n.part.Subtype = n.part.Type
	if p.emptyMultipart(self) {
		return true
	}
	p.defect("part without a type", n.part.Subtype)
	var ok bool
	if n.params, ok = p.paramList(); !ok {
		return false
	}
	return p.bodyFields(&n.part) && p.singleExtension(self)
}

// bodyFields parses what follows the parameters of
//
//	body-fields = body-fld-param SP body-fld-id SP body-fld-desc SP body-fld-enc SP body-fld-octets
func (p *scanner) bodyFields(part *imap.Part) bool {
	for _, field := range [...]*string{&part.ContentID, &part.Description, &part.Encoding} {
		if p.space(); p.peek() == ')' {
			return p.short()
		}
		var ok bool
		if *field, _, ok = p.nstring(); !ok {
			return false
		}
	}
	if p.space(); p.peek() == ')' {
		return p.short()
	}
	var ok bool
	part.Size, ok = p.number()
	if ok && part.Size < 0 {
		p.defect("part without a size", "")
	}
	return ok
}

// bodyTail parses what text and message parts have behind the body fields. Servers send text
// without a line count, and enclosed messages without envelope and body; what comes next tells.
func (p *scanner) bodyTail(self, depth int) bool {
	part := &p.nodes[self].part
	p.space()
	switch c := p.peek(); {
	case part.Is("text", ""):
		if c-'0' < 10 || c == '-' {
			n, ok := p.number()
			part.Lines = n
			return ok
		}
		p.defect("text without a line count", "")
	case isMessage(part):
		if c == '"' && p.strayEmpty() {
			return p.enclosedAfterEmpty(self, depth)
		}
		if c != '(' {
			if c-'0' < 10 { // lines, and nothing else
				part.Lines, _ = p.number()
			}
			p.defect("message without an envelope", "")
			return true
		}
		return p.enclosed(self, depth)
	case c-'0' < 10:
		p.defect("line count of a part that is no text", "")
		n, ok := p.number()
		part.Lines = n
		return ok
	}
	return true
}

// enclosedAfterEmpty parses what follows an empty string: all that enclosed does, or all but the
// envelope, for which the empty string stands.
func (p *scanner) enclosedAfterEmpty(self, depth int) bool {
	start := p.mark()
	if p.nodes[self].part.Envelope = p.envelope(); p.nodes[self].part.Envelope == nil {
		p.rewind(start)
		p.defect("message without an envelope", "")
	}
	return p.enclosedBody(self, depth)
}

// enclosed parses the envelope, the body and the line count of message/rfc822.
func (p *scanner) enclosed(self, depth int) bool {
	e := p.envelope()
	if e == nil {
		return false
	}
	p.nodes[self].part.Envelope = e
	return p.enclosedBody(self, depth)
}

func (p *scanner) enclosedBody(self, depth int) bool {
	p.space()
	switch {
	case p.peek() == ')':
		return p.short()
	case p.null() || p.emptyList():
		p.defect("message without a body", "")
	default:
		child, ok := p.body(depth + 1)
		if !ok {
			return false
		}
		p.nodes[self].first, p.nodes[self].children = child, 1
	}
	if p.space(); p.peek()-'0' < 10 || p.peek() == '-' {
		n, ok := p.number()
		p.nodes[self].part.Lines = n
		return ok
	}
	p.defect("message without a line count", "")
	return true
}

// singleExtension parses
//
//	body-ext-1part = body-fld-md5 [SP body-fld-dsp [SP body-fld-lang [SP body-fld-loc
//	                 *(SP body-extension)]]]
func (p *scanner) singleExtension(self int) bool {
	if p.space(); p.peek() == ')' {
		return true
	}
	var ok bool
	if p.nodes[self].part.MD5, _, ok = p.nstring(); !ok {
		return false
	}
	return p.extension(self)
}

// extension parses what both kinds of parts have in common: body-fld-dsp, body-fld-lang and
// body-fld-loc.
func (p *scanner) extension(self int) bool {
	n := &p.nodes[self]
	if p.space(); p.peek() == ')' {
		return true
	}
	if !p.disposition(n) {
		return false
	}
	if p.space(); p.peek() == ')' {
		return true
	}
	if !p.language(&n.part) {
		return false
	}
	if p.space(); p.peek() == ')' {
		return true
	}
	var ok bool
	n.part.Location, _, ok = p.nstring()
	return ok
}

// disposition parses
//
//	body-fld-dsp = "(" string SP body-fld-param ")" / nil
func (p *scanner) disposition(n *partNode) bool {
	if p.peek() != '(' {
		v, null, ok := p.nstring()
		if ok && !null {
			p.defect("disposition without parameters", v)
			n.part.Disposition = v
		}
		return ok
	}
	if p.emptyList() {
		return true
	}
	p.i++
	var null, ok bool
	if n.part.Disposition, null, ok = p.nstring(); !ok {
		return false
	}
	if null {
		p.defect("NIL for a disposition", "")
	}
	if p.space(); p.peek() != ')' {
		if n.dispParams, ok = p.paramList(); !ok {
			return false
		}
	}
	return p.take(')')
}

// language parses
//
//	body-fld-lang = nstring / "(" string *(SP string) ")"
func (p *scanner) language(part *imap.Part) bool {
	if p.peek() != '(' {
		v, null, ok := p.nstring()
		if ok && !null {
			part.Language = []string{v}
		}
		return ok
	}
	p.i++
	for !p.take(')') {
		v, null, ok := p.nstring()
		if !ok {
			return false
		}
		if null {
			p.defect("NIL among languages", "")
			continue
		}
		part.Language = append(part.Language, v)
	}
	return true
}

// paramList parses
//
//	body-fld-param = "(" string SP string *(SP string SP string) ")" / nil
//
// and returns where the parameters lie in the scratch space.
func (p *scanner) paramList() (r [2]int, ok bool) {
	p.space()
	p.strayEmpty()
	r = [2]int{len(p.params), len(p.params)}
	if p.peek() != '(' {
		v, null, ok := p.nstring()
		if ok && !null {
			p.defect("string for parameters", v)
		}
		return r, ok
	}
	p.i++
	for !p.take(')') {
		name, null, ok := p.nstring()
		if !ok {
			return r, false
		}
		if p.space(); p.peek() == ')' {
			p.defect("parameter without a value", name)
			if !null {
				p.params = append(p.params, imap.Param{Name: name})
			}
			continue
		}
		value, _, ok := p.nstring()
		if !ok {
			return r, false
		}
		p.params = append(p.params, imap.Param{Name: name, Value: value})
	}
	r[1] = len(p.params)
	return r, true
}
