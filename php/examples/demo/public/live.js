// Shows the stream of /stream inside the page; without it the link still works.
const button = document.querySelector('#watch');
const output = document.querySelector('#ticks');
let source = null;

function stop() {
  source?.close();
  source = null;
  button.textContent = 'Watch a live stream';
}

button.hidden = false;
button.addEventListener('click', () => {
  if (source) {
    stop();
    return;
  }
  output.textContent = 'connecting…';
  button.textContent = 'Stop';
  source = new EventSource('/stream');
  source.onmessage = (event) => { output.textContent = event.data; };
  source.addEventListener('end', stop);
  source.onerror = stop;
});
