// Shows the document. The server is where this page is, in any stage and under any domain name.
const page = document.getElementById("page");
const folder = page.dataset.folder;
const root = location.pathname.slice(0, location.pathname.lastIndexOf(`/${folder}`));

fetch(`${folder}/openapi.json`)
  .then((response) => response.json())
  .then((spec) => {
    document.title = spec.info.title;
    SwaggerUIBundle({
      spec: { ...spec, servers: [{ url: location.origin + root }] },
      domNode: page,
      deepLinking: true,
      tryItOutEnabled: true,
      validatorUrl: null,
    });
  });
