//! A software painter of egui's textured triangles, so that the view can be rendered where there is
//! neither a display nor a GPU. Deterministic: coverage is decided in fixed point.
//!
//! Blending follows `egui_glow`: premultiplied alpha in gamma space, source over.

use egui::epaint::{ClippedPrimitive, ImageData, ImageDelta, Mesh, Primitive, Vertex};
use egui::{Color32, ColorImage, Rect, TextureFilter, TextureId, TexturesDelta};
use std::collections::BTreeMap;

/// Vertices are snapped to this fraction of a pixel.
const SUBPIXEL: f32 = 256.0;
const HALF: i64 = 128;

/// A texture as egui uploads it.
struct Texture {
    image: ColorImage,
    filter: TextureFilter,
}

/// An image that triangles are painted on.
pub(crate) struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<[f32; 4]>,
    textures: BTreeMap<(u8, u64), Texture>,
}

impl Canvas {
    /// An opaque canvas of one colour.
    pub(crate) fn new(width: usize, height: usize) -> Self {
        Self { width, height, pixels: Vec::new(), textures: BTreeMap::new() }
    }

    /// Takes over new and changed textures.
    pub(crate) fn update_textures(&mut self, delta: &mut TexturesDelta) {
        delta.free.clear();
        // Patches of different textures are independent; those of one come in order.
        #[expect(clippy::iter_over_hash_type, reason = "collected into a map by id, order-free")]
        for (id, patches) in delta.set.drain() {
            for patch in patches {
                self.patch(key(id), patch);
            }
        }
    }

    fn patch(&mut self, key: (u8, u64), patch: ImageDelta) {
        let ImageData::Color(image) = patch.image;
        match (patch.pos, self.textures.get_mut(&key)) {
            (Some([x0, y0]), Some(texture)) => {
                for y in 0..image.size[1] {
                    for x in 0..image.size[0] {
                        texture.image[(x0 + x, y0 + y)] = image[(x, y)];
                    }
                }
            }
            _ => {
                let texture = Texture {
                    image: ColorImage::clone(&image),
                    filter: patch.options.magnification,
                };
                self.textures.insert(key, texture);
            }
        }
    }

    /// Paints a pass over a plain background.
    pub(crate) fn paint(
        &mut self,
        background: Color32,
        primitives: &[ClippedPrimitive],
        pixels_per_point: f32,
    ) {
        self.pixels.clear();
        self.pixels.resize(self.width * self.height, channels(background));
        for ClippedPrimitive { clip_rect, primitive } in primitives {
            if let Primitive::Mesh(mesh) = primitive {
                self.mesh(mesh, *clip_rect, pixels_per_point);
            }
        }
    }

    /// The image, row after row, as RGBA bytes.
    pub(crate) fn rgba(&self) -> Vec<u8> {
        let byte = |c: f32| (c + 0.5).clamp(0.0, 255.0) as u8;
        self.pixels.iter().flat_map(|p| [byte(p[0]), byte(p[1]), byte(p[2]), 255]).collect()
    }

    fn mesh(&mut self, mesh: &Mesh, clip: Rect, scale: f32) {
        let Self { width, height, pixels, textures } = self;
        let Some(texture) = textures.get(&key(mesh.texture_id)) else { return };
        let limit = |v: f32, most: usize| ((v * scale).round().max(0.0) as usize).min(most);
        let window = Window {
            x: limit(clip.min.x, *width)..limit(clip.max.x, *width),
            y: limit(clip.min.y, *height)..limit(clip.max.y, *height),
        };
        for triangle in mesh.triangles() {
            let [a, b, c] = triangle.map(|i| &mesh.vertices[i as usize]);
            Triangle::new([a, b, c], scale).fill(&window, texture, pixels, *width);
        }
    }
}

fn key(id: TextureId) -> (u8, u64) {
    match id {
        TextureId::Managed(id) => (0, id),
        TextureId::User(id) => (1, id),
    }
}

fn channels(color: Color32) -> [f32; 4] {
    color.to_array().map(f32::from)
}

/// The pixels that may be touched.
struct Window {
    x: std::ops::Range<usize>,
    y: std::ops::Range<usize>,
}

/// A triangle in fixed point, wound so that its area is positive.
struct Triangle<'a> {
    vertices: [&'a Vertex; 3],
    points: [(i64, i64); 3],
    area: i64,
}

impl<'a> Triangle<'a> {
    fn new(vertices: [&'a Vertex; 3], scale: f32) -> Self {
        let fixed = |v: f32| (v * scale * SUBPIXEL).round() as i64;
        let points = vertices.map(|v| (fixed(v.pos.x), fixed(v.pos.y)));
        let area = cross(points[0], points[1], points[2]);
        if area >= 0 {
            Self { vertices, points, area }
        } else {
            let [a, b, c] = vertices;
            Self { vertices: [a, c, b], points: [points[0], points[2], points[1]], area: -area }
        }
    }

    fn fill(&self, window: &Window, texture: &Texture, pixels: &mut [[f32; 4]], width: usize) {
        if self.area == 0 {
            return;
        }
        let [a, b, c] = self.points;
        let pixel = |v: i64| v.div_euclid(SUBPIXEL as i64).max(0) as usize;
        let x0 = pixel(a.0.min(b.0).min(c.0)).max(window.x.start);
        let x1 = (pixel(a.0.max(b.0).max(c.0)) + 1).min(window.x.end);
        let y0 = pixel(a.1.min(b.1).min(c.1)).max(window.y.start);
        let y1 = (pixel(a.1.max(b.1).max(c.1)) + 1).min(window.y.end);
        // Pixels whose centre lies on a shared edge belong to exactly one of two triangles.
        let bias = [(b, c), (c, a), (a, b)].map(|(p, q)| if owns(p, q) { 0 } else { -1 });
        let colors = self.vertices.map(|v| channels(v.color));
        let flat = colors[0] == colors[1] && colors[1] == colors[2];
        let uv = self.vertices.map(|v| (v.uv.x, v.uv.y));
        let plain = uv[0] == uv[1] && uv[1] == uv[2];
        let texel = texture.sample(uv[0].0, uv[0].1);
        let area = self.area as f32;
        for y in y0..y1 {
            for x in x0..x1 {
                let at = (x as i64 * SUBPIXEL as i64 + HALF, y as i64 * SUBPIXEL as i64 + HALF);
                let w = [cross(b, c, at), cross(c, a, at), cross(a, b, at)];
                if (0..3).any(|i| w[i] + bias[i] < 0) {
                    continue;
                }
                let w = w.map(|w| w as f32 / area);
                let color = if flat {
                    colors[0]
                } else {
                    std::array::from_fn(|k| {
                        colors[0][k] * w[0] + colors[1][k] * w[1] + colors[2][k] * w[2]
                    })
                };
                let texel = if plain {
                    texel
                } else {
                    texture.sample(
                        uv[0].0 * w[0] + uv[1].0 * w[1] + uv[2].0 * w[2],
                        uv[0].1 * w[0] + uv[1].1 * w[1] + uv[2].1 * w[2],
                    )
                };
                blend(&mut pixels[y * width + x], color, texel);
            }
        }
    }
}

/// Twice the signed area of a triangle.
fn cross(a: (i64, i64), b: (i64, i64), c: (i64, i64)) -> i64 {
    (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0)
}

/// Whether an edge owns the pixels whose centre lies on it: the top and left edges do.
fn owns(from: (i64, i64), to: (i64, i64)) -> bool {
    to.1 < from.1 || (to.1 == from.1 && to.0 > from.0)
}

fn blend(pixel: &mut [f32; 4], color: [f32; 4], texel: [f32; 4]) {
    let alpha = color[3] * texel[3] / (255.0 * 255.0);
    for k in 0..4 {
        pixel[k] = color[k] * texel[k] / 255.0 + pixel[k] * (1.0 - alpha);
    }
}

impl Texture {
    /// The colour at a normalised place, clamped to the edge.
    fn sample(&self, u: f32, v: f32) -> [f32; 4] {
        let [w, h] = self.image.size;
        let texel = |x: i64, y: i64| {
            let x = x.clamp(0, w as i64 - 1) as usize;
            let y = y.clamp(0, h as i64 - 1) as usize;
            channels(self.image.pixels[y * w + x])
        };
        let (x, y) = (u * w as f32, v * h as f32);
        if self.filter == TextureFilter::Nearest {
            return texel(x.floor() as i64, y.floor() as i64);
        }
        let (x, y) = (x - 0.5, y - 0.5);
        let (x0, y0) = (x.floor(), y.floor());
        let (fx, fy) = (x - x0, y - y0);
        let (i, j) = (x0 as i64, y0 as i64);
        let (a, b, c, d) = (texel(i, j), texel(i + 1, j), texel(i, j + 1), texel(i + 1, j + 1));
        std::array::from_fn(|k| {
            let top = a[k] + (b[k] - a[k]) * fx;
            let foot = c[k] + (d[k] - c[k]) * fx;
            top + (foot - top) * fy
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui::pos2;

    fn canvas() -> Canvas {
        let mut canvas = Canvas::new(16, 16);
        canvas.textures.insert(
            key(TextureId::default()),
            Texture {
                image: ColorImage::filled([1, 1], Color32::WHITE),
                filter: TextureFilter::Linear,
            },
        );
        canvas
    }

    fn paint(canvas: &mut Canvas, mesh: Mesh, clip: Rect) {
        let primitive = ClippedPrimitive { clip_rect: clip, primitive: Primitive::Mesh(mesh) };
        canvas.paint(Color32::BLACK, &[primitive], 1.0);
    }

    #[test]
    fn shared_edges_are_painted_once() {
        // Eight translucent triangles around a centre: every covered pixel is blended exactly once.
        let mut mesh = Mesh::default();
        let half = Color32::from_rgba_premultiplied(100, 100, 100, 128);
        let centre = pos2(7.3, 8.6);
        let ring = [
            (1.0, 1.0),
            (8.0, 1.0),
            (15.0, 1.0),
            (15.0, 8.2),
            (15.0, 15.0),
            (6.5, 15.0),
            (1.0, 15.0),
            (1.0, 5.0),
        ];
        mesh.colored_vertex(centre, half);
        for (x, y) in ring {
            mesh.colored_vertex(pos2(x, y), half);
        }
        for i in 0..8 {
            mesh.add_triangle(0, 1 + i, 1 + (i + 1) % 8);
        }
        let mut canvas = canvas();
        paint(&mut canvas, mesh, Rect::EVERYTHING);
        for y in 0..16 {
            for x in 0..16 {
                let inside = (1..15).contains(&x) && (1..15).contains(&y);
                let red = canvas.rgba()[(y * 16 + x) * 4];
                assert_eq!(red, if inside { 100 } else { 0 }, "{x} {y}");
            }
        }
    }

    #[test]
    fn nothing_is_painted_outside_the_clip_rectangle() {
        let mut mesh = Mesh::default();
        mesh.add_colored_rect(
            Rect::from_min_max(pos2(-50.0, -50.0), pos2(50.0, 50.0)),
            Color32::WHITE,
        );
        let mut canvas = canvas();
        paint(&mut canvas, mesh, Rect::from_min_max(pos2(3.0, 4.0), pos2(10.0, 5.0)));
        let white = canvas.rgba().chunks(4).filter(|p| p[0] == 255).count();
        assert_eq!(white, 7);
    }
}
