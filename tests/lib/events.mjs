// The events of a text/event-stream answer, as JSON; "[DONE]" as text.
export async function* readEvents(response) {
  let text = '';
  const decoder = new TextDecoder();
  for await (const bytes of response.body) {
    text += decoder.decode(bytes, { stream: true });
    for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
      const data = text.slice(0, end).replace(/^data: /, '');
      yield data === '[DONE]' ? data : JSON.parse(data);
    }
  }
  if (text !== '') throw new Error(`the stream ends in the middle of an event: ${text}`);
}
